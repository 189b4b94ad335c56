"""Audio as if it had been recorded at a lower rate: its high frequencies are missing (PASE+, Ravanelli et al. 2020).

Letters: L samples.
"""

from __future__ import annotations

import numpy as np

from .fir import filtered, low_pass

EDGE = 0.95  # of half the lower rate, where the filter is at -6 dB


def downsample(wave_L: np.ndarray, *, rate: int, sample_rate: int) -> np.ndarray:
    """(L,) with what ``rate`` Hz can hold, at its own rate and level; unchanged where it holds all."""
    if rate >= sample_rate:
        return wave_L
    return filtered(wave_L, low_pass(EDGE * rate / 2, sample_rate=sample_rate))
