"""Additive noise at a signal-to-noise ratio.

Letters: L samples, N noises.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .level import as_loud_as, energy

FLOOR = 1e-4  # mean square that is added before the logarithm (sslsv, ssl-for-slr)


def decibels(wave_L: np.ndarray) -> float:
    """Level of a wave: ``10 log10(mean x^2 + 1e-4)`` dB. The floor is at -40 dB."""
    return 10 * float(np.log10(np.mean(np.square(wave_L, dtype=np.float64)) + FLOOR))


def add_noise(wave_L: np.ndarray, noises_NL: Sequence[np.ndarray], snrs_N: Sequence[float]) -> np.ndarray:
    """Mix noises into a wave, each at its own SNR in dB against the wave.

    Args:
        wave_L: (L,) float32.
        noises_NL: as long as the wave.
        snrs_N: dB, by ``decibels``.

    Returns:
        (L,) float32. Its peak may exceed 1; nothing is clipped or scaled back.
    """
    level = decibels(wave_L)
    mixed_L = wave_L.copy()
    for noise_L, snr in zip(noises_NL, snrs_N, strict=True):
        mixed_L += np.float32(10 ** ((level - decibels(noise_L) - snr) / 20)) * noise_L
    return mixed_L


def blend_noise(wave_L: np.ndarray, noises_NL: Sequence[np.ndarray], snrs_N: Sequence[float]) -> np.ndarray:
    """Mix noises into a wave and bring the sum to the energy of the wave (PASE+, Ravanelli et al. 2020).

    Args:
        wave_L: (L,) float32.
        noises_NL: as long as the wave; each is added at its own SNR in dB, by energies without any floor. Silent ones
            add nothing.
        snrs_N: dB.

    Returns:
        (L,) float32.
    """
    loud, mixed_L = energy(wave_L), wave_L.copy()
    for noise_L, snr in zip(noises_NL, snrs_N, strict=True):
        power = energy(noise_L)
        if power > 0:
            mixed_L += np.float32(np.sqrt(loud / (10 ** (snr / 10) * power))) * noise_L
    return as_loud_as(mixed_L, wave_L)
