"""Short spans of speech replaced by zeros (PASE+, Ravanelli et al. 2020).

Letters: L samples, F frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import samples_of

FRAME_S = 0.01  # s, hop of the detector and the shortest span
DEPTH_DB = 30.0  # how far beneath its loudest frame a wave still counts as speech


def speech_frames(wave_L: np.ndarray, *, sample_rate: int) -> np.ndarray:
    """Which frames of 10 ms hold speech: those within 30 dB of the loudest. (F,) bool; none of silence.

    The rest of fewer than 10 ms at the end is left out.
    """
    hop = samples_of(FRAME_S, sample_rate)
    frames_FS = wave_L[: len(wave_L) // hop * hop].reshape(-1, hop).astype(np.float64)
    power_F = np.square(frames_FS).mean(axis=1)
    return (power_F > 0) & (power_F >= power_F.max(initial=0) * 10 ** (-DEPTH_DB / 10))


def chop_spans(
    speech_F: np.ndarray, generator: np.random.Generator, *, count: int, seconds: Sequence[float], sample_rate: int
) -> list[tuple[int, int]]:
    """Draw spans, each centred in a random frame of speech.

    Args:
        speech_F: of ``speech_frames``.
        count: spans.
        seconds: mean lengths in s; one is drawn for each span, whose length is normal around it with half of it as
            the standard deviation, and 10 ms at least.

    Returns:
        (first sample, end) of each, which may lie outside the wave and touch each other; none without speech.
    """
    places = np.flatnonzero(speech_F)
    if not len(places):
        return []
    spans = []
    for _ in range(count):
        mean = seconds[int(generator.integers(len(seconds)))]
        length = max(generator.normal(mean, mean / 2), FRAME_S)
        centre = (int(places[int(generator.integers(len(places)))]) + 0.5) * FRAME_S
        first = samples_of(centre - length / 2, sample_rate)
        spans.append((first, first + samples_of(length, sample_rate)))
    return spans


def chop(wave_L: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """(L,) with zeros in the spans (first sample, end)."""
    chopped_L = wave_L.copy()
    for first, end in spans:
        chopped_L[max(first, 0) : max(end, 0)] = 0
    return chopped_L
