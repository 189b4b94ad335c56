"""From the mouth to the file: microphone, small room, background noise, level.

Letters: L samples, K taps.
"""

from __future__ import annotations

import numpy as np

from ..core import numpy_generator, samples_of
from .synth_speakers import RIPPLE_POINTS, Speaker

TAPS = 255  # of the microphone's linear-phase filter (16 ms at 16 kHz); its delay is taken out
CORNER_HZ = 1000.0  # where a spectral tilt leaves the level alone
LOWEST_HZ = 100.0  # below it a tilt goes on no further
EARLIEST_S = 0.002  # from the direct sound to the first echo
PEAK = 0.97  # full scale is never reached
ACTIVE_DB = -40.0  # samples this far below the peak do not count as speech when levels are set


class Channel:
    """The way of one speaker's voice to the file; deterministic given (speaker, seed).

    Args:
        sample_rate: of the file, Hz.
        seed: root of the room and, with the name of the utterance, of the noise.
    """

    def __init__(self, speaker: Speaker, *, sample_rate: int, seed: int):
        self.speaker, self.sample_rate, self.seed = speaker, sample_rate, seed
        self._microphone_K = _microphone(speaker, sample_rate)
        room_K = _room(speaker, sample_rate, numpy_generator(seed, "room", speaker.name))
        self._response_K = np.convolve(self._microphone_K, room_K)
        self._delay = TAPS // 2

    def __call__(self, wave_L: np.ndarray, name: str) -> np.ndarray:
        """(L,) floats of any level -> (L,) floats in [-1, 1] at the speaker's level, with room and noise."""
        heard_L = self.hear(wave_L)
        scale = 10 ** (self.speaker.level_db / 20) / active_level(heard_L)
        noise_L = self.noise(len(heard_L), name)
        return limited(heard_L * scale + noise_L)

    def hear(self, wave_L: np.ndarray) -> np.ndarray:
        """Microphone and room: same length, direct sound in place."""
        if not len(wave_L):
            return wave_L
        size = _fast_size(len(wave_L) + len(self._response_K) - 1)
        spectrum = np.fft.rfft(wave_L, size) * np.fft.rfft(self._response_K, size)
        return np.fft.irfft(spectrum, size)[self._delay : self._delay + len(wave_L)]

    def noise(self, length: int, name: str) -> np.ndarray:
        """(length,) background noise ``snr_db`` below the speaker's level, coloured and heard by the microphone."""
        white_L = numpy_generator(self.seed, "noise", name).standard_normal(max(length, 1), dtype=np.float32)
        size = _fast_size(max(len(white_L), TAPS))
        spectrum = np.fft.rfft(white_L, size)
        frequencies = np.fft.rfftfreq(size, 1 / self.sample_rate)
        spectrum *= 10 ** (_tilt_db(frequencies, self.speaker.noise_tilt_db) / 20)
        spectrum *= np.abs(np.fft.rfft(self._microphone_K, size))
        noise_L = np.fft.irfft(spectrum, size)[:length]
        level = 10 ** ((self.speaker.level_db - self.speaker.snr_db) / 20)
        return noise_L * (level / max(float(np.sqrt(np.mean(noise_L**2))), 1e-12))


def active_level(wave_L: np.ndarray) -> float:
    """Root mean square of the samples that are not silence; tiny for silence."""
    power_L = wave_L.astype(np.float64) ** 2
    active_L = power_L[power_L > power_L.max(initial=0) * 10 ** (ACTIVE_DB / 10)]
    return max(float(np.sqrt(active_L.mean())) if len(active_L) else 0.0, 1e-9)


def limited(wave_L: np.ndarray) -> np.ndarray:
    """The same wave, made quieter as a whole when it would clip."""
    peak = float(np.abs(wave_L).max(initial=0))
    return wave_L * (PEAK / peak) if peak > PEAK else wave_L


def _microphone(speaker: Speaker, sample_rate: int) -> np.ndarray:
    """(TAPS,) linear-phase filter with the speaker's tilt and ripple."""
    frequencies = np.fft.rfftfreq(TAPS + 1, 1 / sample_rate)
    mel = np.log1p(frequencies / 700.0)
    points = np.linspace(0, mel[-1], RIPPLE_POINTS)
    gain_db = np.interp(mel, points, speaker.ripple_db) + _tilt_db(frequencies, speaker.tilt_db)
    taps = np.fft.fftshift(np.fft.irfft(10 ** (gain_db / 20)))[1:]
    return taps * np.hanning(TAPS + 2)[1:-1]


def _room(speaker: Speaker, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Impulse response: the direct sound, then noise that decays by 60 dB in ``reverberation_s``."""
    length = samples_of(speaker.reverberation_s, sample_rate)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / max(length, 1))
    tail[: samples_of(EARLIEST_S, sample_rate)] = 0
    energy = 10 ** (speaker.reverberant_db / 10)
    tail *= np.sqrt(energy / max(float((tail**2).sum()), 1e-12))
    tail[0] = 1.0
    return tail


def _tilt_db(frequencies: np.ndarray, db_an_octave: float) -> np.ndarray:
    return db_an_octave * np.log2(np.maximum(frequencies, LOWEST_HZ) / CORNER_HZ)


def _fast_size(length: int) -> int:
    """A length of at least ``length`` whose only factors are 2, 3 and 5 (fast to transform)."""
    best = 1 << max(length - 1, 1).bit_length()
    for fives in (1, 5, 25):
        for threes in (1, 3, 9, 27):
            odd = fives * threes
            best = min(best, odd << max(-(-length // odd) - 1, 0).bit_length())
    return best
