"""Discovered pairs without any label: the segments that DTW finds nearest to each other.

For recordings of isolated words, and for segments from any detector. For running speech give the list of a term
discovery system instead (``sonant pairs utd``).

Letters: N segments, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..core import require, unknown
from ..data.arrays import ArrayReader
from ..data.pairs import Pair
from ..data.words import Word, read_words
from ..evaluation.encode import array_items, word_items
from ..evaluation.same_different import dtw_distances

DISTANCES = ("cosine", "euclidean", "angular")


def closest_pairs(
    features: str | Path,
    words: str | Path,
    *,
    neighbours: int = 1,
    share: float = 0.5,
    different_speakers: bool = False,
    distance: str = "cosine",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Pair], dict[str, float]]:
    """Pair every segment with its nearest ones and keep the nearest of these pairs.

    Args:
        features: arrays of whole utterances, such as ``sonant extract mfcc`` writes.
        words: words.tsv with the places of the segments; its labels are not looked at.
        neighbours: pairs per segment.
        share: of the pairs found, the part that is kept, nearest first, in (0, 1].
        different_speakers: pair segments of different speakers only; then every segment needs one.
        distance: between frames; DTW costs are divided by the sum of both lengths.

    Returns:
        The pairs, nearest first, and counts: segments, pairs found and kept, distance of the last pair kept.
    """
    if distance not in DISTANCES:
        raise unknown("distance between frames", distance, DISTANCES)
    require(0 < share <= 1, f"the share of pairs to keep must lie in (0, 1], got {share}")
    require(neighbours >= 1, f"each segment needs at least 1 neighbour, got {neighbours}")
    tokens = read_words(words)
    speaker_N = _speakers(tokens) if different_speakers else None
    with ArrayReader(features) as arrays:
        require(
            arrays.geometry is not None,
            f"'{features}' has no index that tells its frame rate; give what sonant extract wrote",
        )
        rate = arrays.geometry.rate
        frames = [item.read() for item in word_items(tokens, array_items(arrays, rate), rate)]
    condensed_P = dtw_distances(frames, distance=distance, threads=threads, progress=progress)
    i_P, j_P, distance_P = _nearest(condensed_P, len(tokens), neighbours, speaker_N)
    kept = np.argsort(distance_P, kind="stable")[: max(int(share * len(distance_P)), 1)]
    return [Pair(*tokens[i_P[p]].span, *tokens[j_P[p]].span) for p in kept], {
        "segments": len(tokens),
        "found": len(distance_P),
        "kept": len(kept),
        "largest_distance": float(distance_P[kept[-1]]),
    }


def _speakers(tokens: list[Word]) -> np.ndarray:
    silent = [token.key for token in tokens if token.speaker is None]
    require(not silent, f"pairs of different speakers need the speaker of every segment; {silent[:1]} has none")
    return np.unique([token.speaker for token in tokens], return_inverse=True)[1]


def _nearest(
    condensed_P: np.ndarray, N: int, neighbours: int, speaker_N: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second segment and distance of each pair i < j where one is among the nearest of the other."""
    best: dict[tuple[int, int], float] = {}
    first_N = np.arange(N) * N - np.arange(N) * (np.arange(N) + 1) // 2  # where row i begins, at column i + 1
    for i in range(N):
        others_N = np.delete(np.arange(N), i)
        low_N, high_N = np.minimum(others_N, i), np.maximum(others_N, i)
        row_N = condensed_P[first_N[low_N] + high_N - low_N - 1]
        if speaker_N is not None:
            row_N = np.where(speaker_N[others_N] == speaker_N[i], np.inf, row_N)
        for place in np.argsort(row_N, kind="stable")[:neighbours]:
            if np.isfinite(row_N[place]):
                best[int(low_N[place]), int(high_N[place])] = float(row_N[place])
    require(best, "no two segments to pair: there is one segment, or one speaker")
    pairs = np.array(list(best))
    return pairs[:, 0], pairs[:, 1], np.array(list(best.values()))
