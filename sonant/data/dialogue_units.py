"""Units of dialogues with who is active when, as ``sonant units encode --form dialogue`` stores them.

One array a dialogue, (T, U + 3) int32, a row for every unit: units of the mix of both channels (U = 1), or of each
channel (U = 2; -1 all along for a partner who has no channel); activity of speaker 0 and of speaker 1; the class of the
projected future, -1 where it is not known.

Activity and class are those of the end of a unit: computed at 100 Hz, of which the last of each unit is kept (at 50 Hz
the second of every two, as in the first code of voice activity projection).

Letters: T frames, U streams of units, C = 2 speakers, K units.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core import require
from .activity import Activity, activity_stretches
from .array_pool import ArrayPool
from .manifest import Manifest
from .units import one_hot

FINE = 100.0  # Hz, of activity before one frame in several is kept
BESIDE = 3  # columns after the units: two of activity, one of classes


def finer(rate: float) -> tuple[float, int]:
    """(Hz at which activity is computed, frames of that to a unit); rates that do not divide 100 Hz are kept."""
    step = round(FINE / rate)
    return (FINE, step) if step >= 1 and step * rate == FINE else (rate, 1)


def last_of_each(fine_T: np.ndarray, step: int) -> np.ndarray:
    """The last frame of every ``step``: with 2 frames 1, 3, 5, ..."""
    return fine_T[step - 1 :: step]


class UnitDialoguePool(ArrayPool):
    """Dialogues as units: an example for the mix of both channels, or for each channel that there is.

    Of arrays with the units of each channel a dialogue is there twice, and speaker 0 is always the one whose units are
    read. Arguments as ``ArrayPool``.

    Attributes:
        own: (N,) the channel whose units an example reads.
        self_first: whether units are of one speaker.
    """

    def __init__(self, manifest: Manifest, *, arrays: str | Path, **options):
        super().__init__(manifest, arrays=arrays, **options)
        units = self._reader().facts.get("units")
        require(
            isinstance(units, dict) and units.get("form") == "dialogue",
            f"'{arrays}' holds no units of dialogues; make them with: sonant units encode UNITS MANIFEST OUT --form "
            "dialogue, and give the folder k_<k>_dialogue below OUT",
        )
        self.self_first = units.get("channels") == "each"
        two = [self.self_first and self._array(number)[:1, 1].min(initial=0) >= 0 for number in range(len(self))]
        streams = np.where(two, 2, 1)
        self.own = np.concatenate([np.arange(count) for count in streams])
        if self.cache is not None:
            self.cache = [x for x, count in zip(self.cache, streams, strict=True) for _ in range(count)]
        for name in ("index", "samples", "speaker"):
            setattr(self, name, np.repeat(getattr(self, name), streams))

    def read(self, number: int, *, start: int = 0, count: int | None = None) -> np.ndarray:
        """(count, K) float32: 1 at the unit of every frame, from frame ``start``."""
        x_TD = self._array(number)
        end = len(x_TD) if count is None else start + count
        own = int(self.own[number])
        return one_hot(x_TD[start:end, own : own + 1], self.classes)

    def frames_of(self, number: int, rate: float) -> np.ndarray:
        """(T, 2) uint8 activity of a whole dialogue, first of the speaker whose units are read."""
        activity_TC = self._array(number)[:, -BESIDE:-1].astype(np.uint8)
        return activity_TC[:, ::-1] if self.own[number] else activity_TC

    def is_monologue(self, number: int) -> bool:
        """Whether the partner is made up: there are no units of that one, or, of the mix, that one never speaks."""
        x_TD = self._array(number)
        return bool(x_TD[0, 1] < 0 if self.self_first else not x_TD[:, -BESIDE + 1].any())

    def activity_of(self, number: int) -> Activity:
        """Stretches of voice in seconds, as near as frames tell it, first of the speaker whose units are read."""
        return activity_stretches(self.frames_of(number, self.geometry.rate), rate=self.geometry.rate, join_s=0.0)
