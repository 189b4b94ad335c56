"""What recording equipment does to a wave: level and clipping.

Letters: L samples.
"""

from __future__ import annotations

import numpy as np


def gain(wave_L: np.ndarray, decibels: float) -> np.ndarray:
    """(L,) louder by so many dB; nothing is clipped."""
    return wave_L * np.float32(10 ** (decibels / 20))


def clip(wave_L: np.ndarray, part: float) -> np.ndarray:
    """(L,) cut off above ``part`` (0 to 1) of its own peak; the level is not made up for."""
    limit = np.float32(part) * np.abs(wave_L).max(initial=0)
    return np.clip(wave_L, -limit, limit)


def clip_ends(wave_L: np.ndarray, part: float) -> np.ndarray:
    """(L,) kept within ``part`` (0 to 1) of its least and of its greatest sample, each side by itself (PASE+)."""
    part = np.float32(part)
    return np.clip(wave_L, part * wave_L.min(initial=0), part * wave_L.max(initial=0))
