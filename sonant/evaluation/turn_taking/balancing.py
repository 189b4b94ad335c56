"""What the event sets draw by chance: as many negatives as positives.

Draws depend on the seed and on the dialogues that came before, in their order. What one dialogue cannot give is asked
of the next ones. Letters: N regions.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...core import numpy_generator
from .events_2022 import Events2022
from .events_2023 import Events2023
from .regions import Events, in_order, regions
from .states import ONLY_0, ONLY_1, checked, dialogue_states, runs_of

FIRST_OFFSET, LAST_OFFSET = 3, 9  # frames that windows are shifted by inside a longer stretch (2022)


class _Drawer:
    """Draws regions, and remembers how many of each kind it could not give."""

    def __init__(self, seed: int, name: str):
        self.rng = numpy_generator(seed, name)
        self.owed: dict[str, int] = {}

    def take(self, kind: str, table_N3: np.ndarray, wanted: int) -> np.ndarray:
        """``wanted`` of the regions and what is owed, or all of them; in order of time."""
        wanted += self.owed.get(kind, 0)
        taken = min(wanted, len(table_N3))
        self.owed[kind] = wanted - taken
        return table_N3[np.sort(self.rng.permutation(len(table_N3))[:taken])]


class Balancer2023(_Drawer):
    """Adds ``pred_shift_neg`` and ``pred_backchannel_neg`` to events of 2023, and takes holds away.

    Args:
        rate: frames per second.
        seed: of all draws.
        equal_hold_shift: as many holds as shifts; False: all of them.
        backchannel_negatives: as many as this kind. The original has as many as ``pred_shift``, likely by mistake.
    """

    def __init__(
        self,
        *,
        rate: float,
        settings: Events2023 | None = None,
        seed: int = 0,
        equal_hold_shift: bool = True,
        backchannel_negatives: Literal["pred_backchannel", "pred_shift"] = "pred_backchannel",
    ):
        super().__init__(seed, "events 2023")
        self.size = (settings or Events2023()).frames("prediction_region", rate)
        self.equal_hold_shift, self.backchannel_negatives = equal_hold_shift, backchannel_negatives

    def __call__(self, events: Events) -> Events:
        """The events of the next dialogue, with the kinds that are drawn."""
        wanted = len(events[self.backchannel_negatives])
        places_N3 = self.take("pred_backchannel_neg", events["backchannel_neg_region"], wanted)
        hold_N3 = events["hold"]
        if self.equal_hold_shift:
            hold_N3 = self.take("hold", hold_N3, len(events["shift"]))
        return {
            **events,
            "hold": hold_N3,
            "pred_shift_neg": self.take("pred_shift_neg", events["pred_hold"], len(events["pred_shift"])),
            "pred_backchannel_neg": self._pieces(places_N3),
        }

    def _pieces(self, table_N3: np.ndarray) -> np.ndarray:
        """A stretch of the prediction region's length from each region."""
        room_N = table_N3[:, 1] - table_N3[:, 0] - self.size
        start_N = table_N3[:, 0] + self.rng.integers(0, room_N + 1)
        return regions(start_N, self.size, table_N3[:, 2])


class Balancer2022(_Drawer):
    """Adds ``pre_shift_neg`` and ``pre_backchannel_neg`` to events of 2022: windows inside ``non_shift``.

    Windows of ``pre_shift_neg`` lie where one speaker is alone and are about that speaker; those of
    ``pre_backchannel_neg`` lie anywhere in ``non_shift`` and are about the other one, who could say something short.

    Args:
        rate: frames per second.
        seed: of all draws.
    """

    def __init__(self, *, rate: float, settings: Events2022 | None = None, seed: int = 0):
        super().__init__(seed, "events 2022")
        self.size = (settings or Events2022()).frames("pre_label", rate)

    def __call__(self, events: Events, activity_TC: np.ndarray) -> Events:
        """The events of the next dialogue, whose activity is (T, 2), with the kinds that are drawn."""
        calm_N3 = events["non_shift"]
        spoken_N3 = self._windows(_alone(calm_N3, activity_TC))
        about_other_N3 = self._windows(calm_N3) * [1, 1, -1] + [0, 0, 1]
        return {
            **events,
            "pre_shift_neg": self.take("pre_shift_neg", spoken_N3, len(events["pre_shift"])),
            "pre_backchannel_neg": self.take("pre_backchannel_neg", about_other_N3, len(events["pre_backchannel"])),
        }

    def _windows(self, table_N3: np.ndarray) -> np.ndarray:
        """Windows side by side in each region, from a random offset where the region has room for it."""
        found = [np.zeros((0, 3), dtype=np.int64)]
        for start, end, speaker in table_N3.tolist():
            offset = int(self.rng.integers(FIRST_OFFSET, LAST_OFFSET + 1))
            offset = offset if end - start >= self.size + offset else 0
            starts = np.arange(start + offset, end - self.size + 1, self.size)
            found.append(regions(starts, self.size, np.full(len(starts), speaker)))
        return np.concatenate(found)


def _alone(table_N3: np.ndarray, activity_TC: np.ndarray) -> np.ndarray:
    """The parts of regions in which their speaker is active and nobody else."""
    state_T = dialogue_states(checked(activity_TC))
    told_T = np.full(len(state_T), -1)
    for speaker, state in ((0, ONLY_0), (1, ONLY_1)):
        inside_T = np.zeros(len(state_T) + 1, dtype=np.int64)
        own_N3 = table_N3[table_N3[:, 2] == speaker]
        np.add.at(inside_T, own_N3[:, 0], 1)
        np.add.at(inside_T, own_N3[:, 1], -1)
        told_T[(inside_T.cumsum()[:-1] > 0) & (state_T == state)] = speaker
    runs = runs_of(told_T)
    kept_R = runs.value_R >= 0
    return in_order(regions(runs.start_R[kept_R], runs.end_R[kept_R], runs.value_R[kept_R]))
