"""Speech without one of its prosodic traits (Ekstedt and Skantze 2022, arXiv:2209.05161, Sec. 3).

    flat_f0         its melody: the mean F0 throughout
    shift_f0        its pitch: F0 times 0.9
    low_pass        its sounds: only what is below 400 Hz
    flat_intensity  its loudness: the mean level wherever there is speech

and with phones that are as long as they are on average. All keep the length but the last. Parts of a wave without
voice are left as they are by the first two.

Letters: L samples, T frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import soxr

from ...core import require, samples_of
from .psola import CUTOFF, FRAME_S, intensity, pitch, speech_frames, with_pitch, with_times

LOW_HZ, HIGH_HZ = 60.0, 400.0  # of F0

Segment = tuple[str, float, float]  # label, onset and offset in s


def flat_f0(
    wave_L: np.ndarray, sample_rate: int, *, hz: float | None = None, low_hz: float = LOW_HZ, high_hz: float = HIGH_HZ
) -> np.ndarray:
    """(L,) with one F0 throughout.

    Args:
        wave_L: (L,) float32.
        hz: of the result; None: the mean over the voiced frames.
        low_hz, high_hz: between which the F0 of the speech lies.
    """
    f0_T = pitch(wave_L, sample_rate, low_hz=low_hz, high_hz=high_hz)
    if not f0_T.any():
        return wave_L.copy()
    mean = float(f0_T[f0_T > 0].mean()) if hz is None else hz
    return with_pitch(wave_L, sample_rate, f0_T, new_hz=lambda old: np.full_like(old, mean))


def shift_f0(
    wave_L: np.ndarray, sample_rate: int, *, factor: float = 0.9, low_hz: float = LOW_HZ, high_hz: float = HIGH_HZ
) -> np.ndarray:
    """(L,) with F0 times ``factor``; the formants stay. Arguments as ``flat_f0``."""
    require(0.25 <= factor <= 4, f"F0 is changed by a factor from 0.25 to 4, got {factor:g}")
    f0_T = pitch(wave_L, sample_rate, low_hz=low_hz, high_hz=high_hz)
    if not f0_T.any():
        return wave_L.copy()
    return with_pitch(wave_L, sample_rate, f0_T, new_hz=lambda old: factor * old)


def low_pass(wave_L: np.ndarray, sample_rate: int, *, hz: float = 400.0) -> np.ndarray:
    """(L,) as at a sampling rate of twice ``hz`` and back, with the peak that it had."""
    require(hz > 0, f"the edge of a low-pass is above 0 Hz, got {hz:g}")
    if 2 * hz >= sample_rate:
        return wave_L.copy()
    small = soxr.resample(wave_L.astype(np.float32), sample_rate, 2 * hz, quality="HQ")
    made_L = _of_length(soxr.resample(small, 2 * hz, sample_rate, quality="HQ"), len(wave_L))
    peak = float(np.abs(made_L).max(initial=0.0))
    return made_L * np.float32(np.abs(wave_L).max() / peak) if peak > 1e-8 else made_L


def flat_intensity(wave_L: np.ndarray, sample_rate: int, *, cutoff: float = CUTOFF) -> np.ndarray:
    """(L,) with the mean level of its speech wherever there is speech, and the energy that it had.

    Args:
        cutoff: what is above this part of the range between the lowest and the highest level (dB) is speech.
    """
    require(0 <= cutoff < 1, f"cutoff is a part of the range of levels in [0, 1), got {cutoff:g}")
    if not wave_L.any():
        return wave_L.copy()
    level_T = intensity(wave_L, sample_rate)
    if not len(level_T):
        return wave_L.copy()
    speech_T = speech_frames(level_T, cutoff=cutoff)
    gain_T = np.where(speech_T, level_T[speech_T].mean() - level_T, 0.0)
    at_T = np.arange(len(gain_T)) * samples_of(FRAME_S, sample_rate)
    made_L = wave_L * 10 ** (np.interp(np.arange(len(wave_L)), at_T, gain_T) / 20)
    made_L *= np.sqrt(np.square(wave_L, dtype=np.float64).sum() / np.square(made_L).sum())
    return made_L.astype(np.float32)


PERTURBATIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "flat_f0": flat_f0,
    "shift_f0": shift_f0,
    "low_pass": low_pass,
    "flat_intensity": flat_intensity,
}


def mean_durations(phones: Sequence[Sequence[Segment]]) -> dict[str, float]:
    """Phone -> its mean duration in seconds over the phones of many utterances."""
    lengths: dict[str, list[float]] = {}
    for segments in phones:
        for label, onset, offset in segments:
            lengths.setdefault(label, []).append(offset - onset)
    return {label: float(np.mean(own)) for label, own in lengths.items()}


def average_durations(
    wave_L: np.ndarray, sample_rate: int, *, phones: Sequence[Segment], mean_s: dict[str, float]
) -> tuple[np.ndarray, list[Segment]]:
    """The speech with every phone as long as it is on average; what is between phones keeps its length.

    Args:
        phones: of the wave, in order and without overlap.
        mean_s: phone -> duration in seconds, as ``mean_durations`` gives; others keep their length.

    Returns:
        (new length,) float32 and the phones where they now are.
    """
    end = len(wave_L) / sample_rate
    old_s, new_s, moved = [0.0], [0.0], []
    for label, onset, offset in phones:
        require(
            old_s[-1] <= onset + 1e-6 and onset <= offset <= end + 0.05,
            f"the phone '{label}' from {onset:g} s to {offset:g} s overlaps another or the end",
        )
        onset, offset = max(onset, old_s[-1]), min(offset, end)
        begin = new_s[-1] + onset - old_s[-1]
        moved.append((label, begin, begin + (mean_s.get(label, offset - onset) if offset > onset else 0.0)))
        old_s += [onset, offset]
        new_s += list(moved[-1][1:])
    new_s.append(new_s[-1] + end - old_s[-1])
    times = {"old_s": np.array([*old_s, end]), "new_s": np.array(new_s)}
    return with_times(wave_L, sample_rate, pitch(wave_L, sample_rate), **times), moved


def _of_length(wave_L: np.ndarray, length: int) -> np.ndarray:
    """Cut, or with zeros at the end."""
    return np.pad(wave_L[:length], (0, max(length - len(wave_L), 0)))
