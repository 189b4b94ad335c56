"""Windows of units of dialogues with the voice activity of both speakers, and what they do in the seconds after.

Windows lie as those of ``dialogue``. Units of the mix of both speakers do not tell who is who, so that the activities
may be exchanged; of one speaker's units that one is always speaker 0.

Letters: T frames of a window, K units.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..dialogue_units import UnitDialoguePool
from .dialogue import Config, Dialogues


class DialogueUnits(Dialogues):
    """Windows of (T, K) frames that are 1 at their unit; labels as those of ``Dialogues``."""

    def __init__(self, cfg: Config, pool: UnitDialoguePool):
        super().__init__(replace(cfg, rate=float(pool.sample_rate)), pool)
        self.multichannel = False

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        number, frame = self.place(example, key)
        return self.pool.read(number, start=frame, count=min(self.window, int(self.pool.samples[number]) - frame))

    def _flipped(self, key: int | None, seed: int) -> bool:
        return not self.pool.self_first and super()._flipped(key, seed)
