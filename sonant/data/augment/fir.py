"""Filters of linear phase, applied without delay.

Letters: L samples, N taps.
"""

from __future__ import annotations

import numpy as np

from ...core import samples_of
from .reverb import fast_length

LENGTH_S = 0.032  # s: 513 taps at 16 kHz, about 100 Hz from pass to stop


def low_pass(cut_off: float, *, sample_rate: int) -> np.ndarray:
    """Taps (N,) float32, N odd, of a low-pass at ``cut_off`` Hz (-6 dB): a sinc under a Hamming window.

    More than 100 Hz above the cut-off it is 50 dB down; its gain beneath is 1 within 0.3 %. A cut-off of 0 stops all.
    """
    half = samples_of(LENGTH_S / 2, sample_rate)
    part = 2 * cut_off / sample_rate
    taps_N = part * np.sinc(part * np.arange(-half, half + 1)) * np.hamming(2 * half + 1)
    return taps_N.astype(np.float32)


def band_stop(low: float, high: float, *, sample_rate: int) -> np.ndarray:
    """Taps (N,) float32, N odd, of a filter that stops what lies between two frequencies in Hz (-6 dB there)."""
    taps_N = low_pass(low, sample_rate=sample_rate)
    if high >= sample_rate / 2:
        return taps_N
    taps_N = taps_N - low_pass(high, sample_rate=sample_rate)
    taps_N[len(taps_N) // 2] += 1
    return taps_N


def filtered(wave_L: np.ndarray, taps_N: np.ndarray) -> np.ndarray:
    """(L,) float32 through a filter of odd length, its middle tap at the place of the input; zeros beyond the ends."""
    count, half = len(wave_L), len(taps_N) // 2
    size = fast_length(count + len(taps_N) - 1)
    product = np.fft.rfft(wave_L, size) * np.fft.rfft(taps_N, size)
    return np.fft.irfft(product, size)[half : half + count].astype(np.float32, copy=False)
