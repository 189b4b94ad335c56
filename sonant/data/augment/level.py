"""The energy of a wave, and waves brought to the energy of another.

Letters: L samples.
"""

from __future__ import annotations

import numpy as np


def energy(wave_L: np.ndarray) -> float:
    """Sum of the squares of (L,)."""
    wave_L = wave_L.astype(np.float64)
    return float(wave_L @ wave_L)


def as_loud_as(changed_L: np.ndarray, wave_L: np.ndarray) -> np.ndarray:
    """(L,) scaled to the energy of a wave; silence stays silence."""
    now = energy(changed_L)
    return changed_L * np.float32(np.sqrt(energy(wave_L) / now)) if now > 0 else changed_L
