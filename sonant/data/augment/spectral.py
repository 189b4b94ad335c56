"""What the stereo models of 2023 were trained against: another pitch, noise, missing frequencies.

    pitch_shift       by semitones, formants too; the length stays (phase vocoder, then resampling)
    white_noise       Gaussian, its peak 0.01
    mask_frequencies  a band of up to 100 of the 401 frequencies of a transform of 50 ms is missing

Letters: C channels, L samples, F frames, K frequencies.
"""

from __future__ import annotations

import numpy as np
import soxr

from ...core import require, samples_of
from .level import as_loud_as

SEMITONES = (-2, -1, 1, 2)
NOISE_PEAK = 0.01
WIDEST = 100  # frequencies
BAND_S, BAND_STEP_S = 0.05, 0.02  # window and step of the transform that loses a band
VOCODER_S = 0.032  # window of the phase vocoder; its step is a quarter
PEAK_FROM = 0.05  # below this a channel holds no speech to be normalised


def pitch_shift(wave_L: np.ndarray, sample_rate: int, *, semitones: float) -> np.ndarray:
    """(L,) float32 at another pitch, with the energy that it had."""
    require(abs(semitones) <= 24, f"the pitch is shifted by at most 24 semitones, got {semitones:g}")
    factor = 2 ** (semitones / 12)
    window = 2 * (samples_of(VOCODER_S, sample_rate) // 2)
    longer_L = _stretched(wave_L, factor, window=window, hop=window // 4)
    made_L = soxr.resample(longer_L.astype(np.float32), factor * sample_rate, sample_rate, quality="HQ")
    return as_loud_as(np.pad(made_L[: len(wave_L)], (0, max(len(wave_L) - len(made_L), 0))), wave_L)


def _stretched(wave_L: np.ndarray, factor: float, *, window: int, hop: int) -> np.ndarray:
    """``factor`` times as long at the same pitch (Flanagan and Golden 1966, the phase vocoder)."""
    spectrum_FK = transform(wave_L, window=window, hop=hop)
    at_F = np.arange(0, len(spectrum_FK), 1 / factor)
    spectrum_FK = np.pad(spectrum_FK, ((0, 2), (0, 0)))
    before_F = at_F.astype(int)
    share_F1 = (at_F - before_F)[:, None]
    size_FK = (1 - share_F1) * np.abs(spectrum_FK[before_F]) + share_F1 * np.abs(spectrum_FK[before_F + 1])
    turn_K = 2 * np.pi * hop * np.arange(spectrum_FK.shape[1]) / window
    away_FK = np.angle(spectrum_FK[before_F + 1]) - np.angle(spectrum_FK[before_F]) - turn_K
    step_FK = turn_K + away_FK - 2 * np.pi * np.round(away_FK / (2 * np.pi))
    phase_FK = np.angle(spectrum_FK[0]) + np.cumsum(step_FK, axis=0) - step_FK
    return restored(size_FK * np.exp(1j * phase_FK), window=window, hop=hop, length=round(factor * len(wave_L)))


def white_noise(wave_L: np.ndarray, generator: np.random.Generator, *, peak: float = NOISE_PEAK) -> np.ndarray:
    """(L,) float32 with Gaussian noise whose greatest sample is ``peak``."""
    noise_L = generator.standard_normal(len(wave_L), dtype=np.float32)
    return wave_L + noise_L * np.float32(peak / max(float(np.abs(noise_L).max(initial=0.0)), 1e-9))


def mask_frequencies(wave_L: np.ndarray, sample_rate: int, *, first: int, count: int) -> np.ndarray:
    """(L,) float32 without ``count`` frequencies from number ``first``, 20 Hz apart."""
    window, hop = 2 * (samples_of(BAND_S, sample_rate) // 2), samples_of(BAND_STEP_S, sample_rate)
    spectrum_FK = transform(wave_L, window=window, hop=hop)
    spectrum_FK[:, first : first + count] = 0
    return restored(spectrum_FK, window=window, hop=hop, length=len(wave_L)).astype(np.float32)


def draw_mask(generator: np.random.Generator, sample_rate: int) -> dict[str, int]:
    """``first`` and ``count`` of the frequencies that are masked, up to ``WIDEST``."""
    frequencies = samples_of(BAND_S, sample_rate) // 2 + 1
    count = int(generator.integers(min(WIDEST, frequencies - 1) + 1))
    return {"first": int(generator.integers(frequencies - count)), "count": count}


def normalise_peak(wave_CL: np.ndarray) -> np.ndarray:
    """Each channel of (C, L), or (L,), with a greatest sample of 1 where that was above 0.05; float32."""
    peak_C1 = np.abs(wave_CL).max(axis=-1, keepdims=True)
    return (wave_CL / np.where(peak_C1 > PEAK_FROM, peak_C1, 1)).astype(np.float32)


def transform(wave_L: np.ndarray, *, window: int, hop: int) -> np.ndarray:
    """(F, K) spectra under a Hann window; half a window of zeros goes before and more than that behind the wave."""
    padded_L = np.pad(wave_L.astype(np.float64), (window // 2, window // 2 + hop))
    frames_FW = np.lib.stride_tricks.sliding_window_view(padded_L, window)[::hop]
    return np.fft.rfft(frames_FW * _hann(window), axis=1)


def restored(spectrum_FK: np.ndarray, *, window: int, hop: int, length: int) -> np.ndarray:
    """(length,) float64 whose ``transform`` comes nearest to (F, K) (Griffin and Lim 1984, Eq. 6)."""
    frames_FW = np.fft.irfft(spectrum_FK, window, axis=1) * _hann(window)
    total = max((len(frames_FW) - 1) * hop + window, length + window)
    made_L, weight_L = np.zeros(total), np.zeros(total)
    for number, frame_W in enumerate(frames_FW):
        made_L[number * hop : number * hop + window] += frame_W
        weight_L[number * hop : number * hop + window] += _hann(window) ** 2
    made_L /= np.maximum(weight_L, 1e-3)
    return made_L[window // 2 : window // 2 + length]


def _hann(window: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
