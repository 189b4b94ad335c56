"""Which probability is read where: the tasks, and their samples of prediction and label.

Every frame of a region is one sample (the papers), or every region is (``per="event"``, the mean over its frames; the
hold-and-shift score of the real-time models). Letters: T frames, N regions, M samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import SonantError, require, unknown

Per = Literal["frame", "event"]


@dataclass(frozen=True)
class Task:
    """Two kinds of regions that are told apart.

    Attributes:
        positive, negative: kinds of events with the labels 1 and 0.
        probability: whose value for the speaker of a region is the prediction.
        complement: for label 0 it is 1 minus that: the region is about who speaks next, the task about a shift.
    """

    positive: str
    negative: str
    probability: str
    complement: bool


TASKS_2023 = {
    "shift_hold": Task("shift", "hold", "p_now", complement=True),
    "shift_prediction": Task("pred_shift", "pred_shift_neg", "p_future", complement=True),
    "long_short": Task("long", "short", "p_future", complement=False),
    "backchannel_prediction": Task("pred_backchannel", "pred_backchannel_neg", "p_now", complement=False),
}
TASKS_2022 = {
    "shift_hold": Task("shift", "hold", "p_next", complement=True),
    "shift_prediction": Task("pre_shift", "pre_shift_neg", "p_next", complement=True),
    "short_long": Task("backchannel", "long_shift_onset", "p_backchannel", complement=False),
    "backchannel_prediction": Task("pre_backchannel", "pre_backchannel_neg", "p_backchannel", complement=False),
}


@dataclass(frozen=True)
class Samples:
    """(M,) predictions in [0, 1] and (M,) labels 0 or 1."""

    prediction_M: np.ndarray
    target_M: np.ndarray

    def __len__(self) -> int:
        return len(self.target_M)


def region_values(p_TC: np.ndarray, table_N3: np.ndarray, *, per: Per = "frame") -> np.ndarray:
    """The values of a region's speaker in its frames, one after the other, or their mean for each region.

    Args:
        p_TC: (T, 2). Regions are cut where it ends, and left out where they begin later.
    """
    p_TC, table_N3 = np.asarray(p_TC), np.asarray(table_N3, dtype=np.int64).reshape(-1, 3)
    start_N, end_N = np.minimum(table_N3[:, 0], len(p_TC)), np.minimum(table_N3[:, 1], len(p_TC))
    length_N = end_N - start_N
    start_N, speaker_N, length_N = start_N[length_N > 0], table_N3[length_N > 0, 2], length_N[length_N > 0]
    first_N = np.cumsum(length_N) - length_N
    frame_M = np.arange(length_N.sum()) + np.repeat(start_N - first_N, length_N)
    value_M = p_TC[frame_M, np.repeat(speaker_N, length_N)]
    if per == "frame" or not len(first_N):
        return value_M
    return np.add.reduceat(value_M, first_N) / length_N


def samples_of_task(
    task: Task, probabilities: Mapping[str, np.ndarray], events: Mapping[str, np.ndarray], *, per: Per = "frame"
) -> Samples:
    """The samples of one dialogue: those of label 1, then those of label 0, each in order of time.

    Args:
        probabilities: (T, 2) by name.
        events: (N, 3) regions by kind.

    Raises:
        SonantError: the task's probability is not there, or neither of its kinds is.
    """
    if task.probability not in probabilities:
        raise unknown("probability", task.probability, probabilities)
    missing = [kind for kind in (task.positive, task.negative) if kind not in events]
    if missing:
        raise SonantError(
            f"the events have no kind '{missing[0]}' (known: {', '.join(events)}); "
            "kinds ending in _neg are drawn by sonant.evaluation.turn_taking.balancing"
        )
    p_TC = probabilities[task.probability]
    yes_M = region_values(p_TC, events[task.positive], per=per)
    no_M = region_values(p_TC, events[task.negative], per=per)
    no_M = 1 - no_M if task.complement else no_M
    target_M = np.concatenate([np.ones(len(yes_M), dtype=np.int64), np.zeros(len(no_M), dtype=np.int64)])
    return Samples(np.concatenate([yes_M, no_M]), target_M)


def joined(parts: Iterable[Samples]) -> Samples:
    """The samples of many dialogues."""
    parts = list(parts)
    require(parts, "there is no dialogue to score")
    return Samples(np.concatenate([p.prediction_M for p in parts]), np.concatenate([p.target_M for p in parts]))


def flipped_events(events: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The events of the dialogue with its speakers exchanged; scoring both removes a bias towards either."""
    return {kind: np.stack([t[:, 0], t[:, 1], 1 - t[:, 2]], axis=1) for kind, t in events.items()}
