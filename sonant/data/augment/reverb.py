"""Reverberation: convolution with the impulse response of a room.

Letters: L samples, R samples of the impulse response.
"""

from __future__ import annotations

import numpy as np

from ...core import SonantError
from .level import as_loud_as

LONGEST_S = 1.5  # s of an impulse response that PASE+ takes: 24000 samples at 16 kHz


def reverberate(wave_L: np.ndarray, rir_R: np.ndarray) -> np.ndarray:
    """The first L samples of the full convolution with the impulse response divided by its L2 norm.

    (sslsv, ssl-for-slr.) The delay of the direct sound stays in. By one FFT in the precision of the input.

    Args:
        wave_L: (L,) float32.
        rir_R: (R,) float32, of any length.

    Returns:
        (L,) float32.

    Raises:
        SonantError: an impulse response of zeros.
    """
    norm = float(np.sqrt(np.sum(np.square(rir_R, dtype=np.float64))))
    if norm == 0.0:
        raise SonantError("an impulse response holds only zeros")
    count = len(wave_L)
    heard_R = rir_R[:count] / np.float32(norm)  # later echoes come after the end
    size = fast_length(count + len(heard_R) - 1)
    product = np.fft.rfft(wave_L, size) * np.fft.rfft(heard_R, size)
    return np.fft.irfft(product, size)[:count].astype(np.float32, copy=False)


def reverberate_in_place(wave_L: np.ndarray, rir_R: np.ndarray) -> np.ndarray:
    """Reverberation without delay and at the energy of the input (PASE+, Ravanelli et al. 2020).

    The impulse response is divided by its peak; of the full convolution, L samples from the place of that peak on are
    taken. PASE+ cuts impulse responses to 1.5 s before.

    Args:
        wave_L: (L,) float32.
        rir_R: (R,) float32, of any length.

    Returns:
        (L,) float32.

    Raises:
        SonantError: an impulse response of zeros.
    """
    if not rir_R.any():
        raise SonantError("an impulse response holds only zeros")
    peak = int(np.abs(rir_R).argmax())
    count = len(wave_L)
    size = fast_length(count + len(rir_R) - 1)
    product = np.fft.rfft(wave_L, size) * np.fft.rfft(rir_R / np.abs(rir_R[peak]), size)
    heard_L = np.fft.irfft(product, size)[peak : peak + count].astype(np.float32, copy=False)
    return as_loud_as(heard_L, wave_L)


def fast_length(count: int) -> int:
    """The least even number from ``count`` on of the form 2^a 3^b 5^c, which FFTs are quick at."""
    best = 2 * (1 << max(count - 1, 1).bit_length())
    five = 1
    while five < best:
        three = five
        while three < best:
            two = max(-(-count // three), 1)
            size = three * max(1 << (two - 1).bit_length(), 2)
            best = min(best, size)
            three *= 3
        five *= 5
    return best
