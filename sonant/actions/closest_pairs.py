"""Discovered pairs without any label: the segments that DTW finds nearest to each other.

For recordings of isolated words, and for segments from any detector. For running speech give the list of a term
discovery system instead (``sonant pairs utd``).

Letters: N segments, P pairs, R rows at a time, K neighbours.
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
ROWS = 256  # of the matrix of distances that are looked at together


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
    require(N > 1, "no two segments to pair: there is one segment")
    found = []
    for begin in range(0, N, ROWS):
        row_R1 = np.arange(begin, min(begin + ROWS, N))[:, None]
        distance_RN = _rows(condensed_P, N, row_R1)
        apart_RN = row_R1 != np.arange(N)
        if speaker_N is not None:
            apart_RN &= speaker_N[row_R1] != speaker_N
        distance_RN = np.where(apart_RN, distance_RN, np.inf)
        near_RK = np.argsort(distance_RN, axis=1, kind="stable")[:, :neighbours]
        real_RK = np.isfinite(np.take_along_axis(distance_RN, near_RK, axis=1))
        pair_RK2 = np.sort(np.stack(np.broadcast_arrays(row_R1, near_RK), axis=-1), axis=-1)
        found.append(pair_RK2[real_RK])
    pair_P2 = np.unique(np.concatenate(found), axis=0)
    require(len(pair_P2), "no two segments to pair: all are of one speaker")
    i_P, j_P = pair_P2.T
    return i_P, j_P, condensed_P[_place(i_P, j_P, N)].astype(np.float64)


def _rows(condensed_P: np.ndarray, N: int, row_R1: np.ndarray) -> np.ndarray:
    """(R, N) rows of the matrix of distances; the diagonal means nothing."""
    low_RN, high_RN = np.minimum(row_R1, np.arange(N)), np.maximum(row_R1, np.arange(N))
    return condensed_P[_place(low_RN, high_RN, N).clip(0, len(condensed_P) - 1)]


def _place(low: np.ndarray, high: np.ndarray, N: int) -> np.ndarray:
    """Where the distance of two segments, low < high, stands in the condensed matrix."""
    return low * N - low * (low + 1) // 2 + high - low - 1
