"""A band of frequencies removed (PASE+, Ravanelli et al. 2020).

The published 800 filters are band-stops in four ranges; here every crop gets one of its own, of the same ranges and of
widths around their medians.

Letters: L samples.
"""

from __future__ import annotations

import numpy as np

from .fir import band_stop, filtered
from .level import as_loud_as

# Hz: lowest and highest frequency of a range, median width of the published bands in it
RANGES = ((0.0, 1000.0, 321.0), (1000.0, 2000.0, 394.0), (2000.0, 4000.0, 781.0), (4000.0, 8000.0, 1556.0))


def draw_band(generator: np.random.Generator, *, width: tuple[float, float], sample_rate: int) -> tuple[float, float]:
    """A band in one of the ranges beneath half the rate, all equally likely.

    Args:
        width: least and greatest width, as a part of the median width of its range.

    Returns:
        its lowest and highest frequency, in Hz.
    """
    ranges = [one for one in RANGES if one[0] < sample_rate / 2]
    low, high, median = ranges[int(generator.integers(len(ranges)))]
    high = min(high, sample_rate / 2)
    wide = min(median * generator.uniform(*width), high - low)
    start = low + generator.random() * (high - low - wide)
    return start, start + wide


def drop_band(wave_L: np.ndarray, *, low: float, high: float, sample_rate: int) -> np.ndarray:
    """(L,) without what lies between two frequencies in Hz, as loud as before."""
    return as_loud_as(filtered(wave_L, band_stop(low, high, sample_rate=sample_rate)), wave_L)
