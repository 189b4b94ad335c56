"""Somebody else who begins to speak (PASE+, Ravanelli et al. 2020).

Letters: L samples, S samples of the other speech.
"""

from __future__ import annotations

import numpy as np

from .noise import blend_noise

LATEST = 0.75  # part of the wave before which the other speech begins


def overlap_start(count: int, generator: np.random.Generator) -> int:
    """Where other speech begins in a wave of ``count`` samples: anywhere in its first three quarters."""
    return int(generator.random() * LATEST * count)


def overlap(wave_L: np.ndarray, other_S: np.ndarray, *, start: int, snr: float) -> np.ndarray:
    """Mix other speech into a wave from ``start`` on and bring the sum to the energy of the wave.

    Args:
        wave_L: (L,) float32.
        other_S: (S,) float32, S at most L - start.
        start: sample at which the other speech begins.
        snr: dB, energy of the whole wave against all of the other speech.

    Returns:
        (L,) float32.
    """
    other_L = np.pad(other_S, (start, len(wave_L) - start - len(other_S)))
    return blend_noise(wave_L, [other_L], [snr])
