"""Speech with another melody or another tempo: pitch-synchronous overlap-add (Moulines and Charpentier 1990).

    F0 of every 10 ms by SWIPE' (features/f0.py)
    a pulse for every period: from the middle of each voiced stretch outwards, where the next period is most alike
    grains of two periods around the pulses, under a Hann window, laid down at new distances

What is not voiced stays as it is. A grain that is laid down more often than it occurs is lowered, so that the power of
the speech is kept.

Letters: L samples, T frames, P pulses of a voiced stretch, N new pulses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ...core import FrameGeometry, Frames, samples_of, seconds_of
from ...features import f0

FRAME_S = 0.01  # from one F0 to the next
GRID_S = 0.005  # between the grains of what is not voiced
WINDOW_S = 0.05  # of intensity: three periods of the lowest F0, as Praat has them
QUIET_DB = -100.0  # of digital silence
VOICE_DB = 30.0  # below the loudest frame nothing is voiced, as in Praat
CUTOFF = 0.2  # of the range of levels; below is no speech, and nothing voiced: mains hum has an F0 too
NEAREST, FARTHEST = 0.8, 1.25  # of a period, where the next pulse is looked for (Praat has the same)
ALIKE = 0.3  # correlation below which the period of the F0 is taken as it is
FEWEST = 3  # pulses of a stretch; shorter ones count as not voiced


def pitch(wave_L: np.ndarray, sample_rate: int, *, low_hz: float = 60.0, high_hz: float = 400.0) -> np.ndarray:
    """(T,) F0 in Hz at 100 Hz, 0 where not voiced."""
    source = FrameGeometry(sample_rate, hop=1, window=1)
    features = f0.Features(f0.Config(low_hz=low_hz, high_hz=high_hz), source=source)
    wave_B = torch.from_numpy(np.ascontiguousarray(wave_L, dtype=np.float32))[None, :, None]
    found = features(Frames(wave_B, torch.tensor([len(wave_L)]), source))
    f0_T = found.x_BTD[0, :, 0].numpy().astype(np.float64)
    if not len(f0_T):
        return f0_T
    level_T = intensity(wave_L, sample_rate)
    return np.where((level_T > level_T.max() - VOICE_DB) & speech_frames(level_T), f0_T, 0.0)


def intensity(wave_L: np.ndarray, sample_rate: int) -> np.ndarray:
    """(T,) level in dB at 100 Hz: mean square under a Hann window of 50 ms, frame i around sample i times the hop."""
    window_W, hop = np.hanning(samples_of(WINDOW_S, sample_rate) | 1), samples_of(FRAME_S, sample_rate)
    padded_L = np.pad(np.square(wave_L.astype(np.float64)), (len(window_W) // 2, len(window_W)))
    frames_TW = np.lib.stride_tricks.sliding_window_view(padded_L, len(window_W))[: len(wave_L) // hop * hop : hop]
    power_T = frames_TW @ (window_W / window_W.sum())
    return 10 * np.log10(np.maximum(power_T, 10 ** (QUIET_DB / 10)))


def speech_frames(level_T: np.ndarray, *, cutoff: float = CUTOFF) -> np.ndarray:
    """(T,) whether a level in dB is above ``cutoff`` of the range from the lowest hundredth to the highest."""
    low = np.percentile(level_T, 1)
    return level_T >= low + cutoff * (level_T.max() - low)


def pulses(wave_L: np.ndarray, sample_rate: int, f0_T: np.ndarray) -> list[np.ndarray]:
    """The pulses of each voiced stretch, as sample numbers in order; see above."""
    hop = samples_of(FRAME_S, sample_rate)
    edge = np.flatnonzero(np.diff((f0_T > 0).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    found = []
    for first, end in edge.tolist():
        frame_V = np.arange(first, end) * hop
        period_V = sample_rate / f0_T[first:end]
        begin, last = max(first * hop - hop // 2, 0), min(end * hop - hop // 2, len(wave_L) - 1)
        run_P = _pulses_between(wave_L, begin, last, lambda at, x=frame_V, y=period_V: float(np.interp(at, x, y)))
        if len(run_P) >= FEWEST:
            found.append(run_P)
    return found


def _pulses_between(wave_L: np.ndarray, begin: int, last: int, period_at: Callable[[float], float]) -> np.ndarray:
    middle = (begin + last) // 2
    half = round(period_at(middle) / 2)
    low = max(middle - half, 0)
    first = low + int(np.abs(wave_L[low : middle + half + 1]).argmax())
    back, forth = [], []
    for way, places in ((-1, back), (1, forth)):
        at = first
        while True:
            at = _next_pulse(wave_L, at, way, period_at(at))
            if not begin <= at <= last:
                break
            places.append(at)
    return np.array([*back[::-1], first, *forth])


def _next_pulse(wave_L: np.ndarray, at: int, way: int, period: float) -> int:
    """The sample about a period before (way -1) or after (way 1) whose surroundings are most like those of ``at``."""
    half, near, far = round(period / 2), round(NEAREST * period), round(FARTHEST * period)
    low, high = (at + near, at + far) if way > 0 else (at - far, at - near)
    usual = at + way * round(period)
    if at - half < 0 or at + half > len(wave_L) or low - half < 0 or high + half > len(wave_L):
        return usual
    own = wave_L[at - half : at + half]
    others = np.lib.stride_tricks.sliding_window_view(wave_L[low - half : high + half], 2 * half)
    length = np.sqrt(np.square(own).sum() * np.square(others).sum(1)) + 1e-12
    alike = (others @ own) / length
    best = int(alike.argmax())
    return low + best if alike[best] > ALIKE else usual


def with_pitch(
    wave_L: np.ndarray, sample_rate: int, f0_T: np.ndarray, *, new_hz: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The speech with another F0, as long as before.

    Args:
        wave_L: (L,) float32.
        f0_T: as ``pitch`` gives it.
        new_hz: from the F0 of some samples in Hz to the wanted one.

    Returns:
        (L,) float32.
    """
    hop, old_L = samples_of(FRAME_S, sample_rate), wave_L.astype(np.float64)
    made_L, covered_L = np.zeros_like(old_L), np.zeros_like(old_L)
    voiced_V = np.flatnonzero(f0_T)
    for run_P in pulses(old_L, sample_rate, f0_T):
        left_P, right_P = _distances(run_P)
        for pulse, left, right in zip(run_P, left_P, right_P, strict=True):
            _lay(covered_L, np.ones_like(old_L), pulse, pulse, left, right)
        at = float(run_P[0])
        while at <= run_P[-1]:
            period = sample_rate / float(new_hz(np.interp([at], voiced_V * hop, f0_T[voiced_V]))[0])
            nearest = int(np.abs(run_P - at).argmin())
            own = (left_P[nearest] + right_P[nearest]) / 2
            places = (run_P[nearest], round(at), left_P[nearest], right_P[nearest])
            _lay(made_L, old_L, *places, gain=np.sqrt(period / own))
            at += period
    return (made_L + old_L * (1 - covered_L.clip(0, 1))).astype(np.float32)


def _distances(run_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every pulse to the one before and to the one after it."""
    apart = np.diff(run_P)
    return np.concatenate([apart[:1], apart]), np.concatenate([apart, apart[-1:]])


def _lay(made_L, old_L, source: int, target: int, left: int, right: int, *, gain: float = 1.0) -> None:
    """Add the grain around sample ``source`` at sample ``target``, as far as both lie inside."""
    before = min(left, source, target)
    after = min(right, len(old_L) - source, len(made_L) - target)
    if before + after <= 0:
        return
    fall = 0.5 + 0.5 * np.cos(np.pi * np.arange(after) / right)
    rise = 0.5 + 0.5 * np.cos(np.pi * np.arange(before, 0, -1) / left)
    grain = np.concatenate([rise, fall]) * old_L[source - before : source + after]
    made_L[target - before : target + after] += gain * grain


def with_times(
    wave_L: np.ndarray, sample_rate: int, f0_T: np.ndarray, *, old_s: np.ndarray, new_s: np.ndarray
) -> np.ndarray:
    """The speech with another tempo and the same F0.

    Args:
        old_s, new_s: times in seconds that correspond, in order, the first 0 and the last the end; between them the
            tempo is constant.

    Returns:
        (new length,) float32.
    """
    old_L = wave_L.astype(np.float64)
    mark_P = _marks_everywhere(pulses(old_L, sample_rate, f0_T), len(old_L), samples_of(GRID_S, sample_rate))
    left_P, right_P = _distances(mark_P)
    length = samples_of(float(new_s[-1]), sample_rate)
    made_L, weight_L, ones_L = np.zeros(length), np.zeros(length), np.ones_like(old_L)
    at = 0.0
    while at < length:
        time = np.interp(seconds_of(at, sample_rate), new_s, old_s)
        nearest = int(np.abs(mark_P - time * sample_rate).argmin())
        places = (mark_P[nearest], round(at), left_P[nearest], right_P[nearest])
        _lay(made_L, old_L, *places)
        _lay(weight_L, ones_L, *places)
        at += right_P[nearest]
    return (made_L / np.where(weight_L > 1e-3, weight_L, 1)).astype(np.float32)


def _marks_everywhere(runs: list[np.ndarray], length: int, grid: int) -> np.ndarray:
    """Pulses, and where there are none a mark every ``grid`` samples."""
    marks, at = [], 0
    for run_P in [*runs, np.array([length])]:
        gap = max(int(run_P[0]) - at, 0)
        count = max(round(gap / grid), 1)
        marks += (at + np.arange(count) * gap / count).astype(int).tolist()
        marks += run_P[:-1].tolist()
        at = int(run_P[-1])
    return np.unique([*marks, length])
