"""Same-different word discrimination: do two spoken words that are the same lie nearer than two that differ?

All pairs of isolated word tokens are ranked by their distance, by DTW between frames or directly between vectors,
and the ranking is scored by average precision. It needs no training and nothing but the words' labels.

Carlin, Thomas, Jansen and Hermansky 2011; the variant for different speakers: Hermann, Kamper and Goldwater 2021.

Letters: N tokens, T frames, D dimensions, P pairs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..core import require
from ..nn.dtw import Normalise, numba_installed
from ._sd_distances import FRAME_DISTANCES, VECTOR_DISTANCES, Progress, dtw_distances, vector_distances
from ._sd_metrics import Ranking, Ties, average_precision, breakeven
from ._sd_pairs import check_labels, equal_pairs, numbers_of, pairs_with

__all__ = [
    "FRAME_DISTANCES",
    "VECTOR_DISTANCES",
    "Ranking",
    "SameDifferentResult",
    "average_precision",
    "breakeven",
    "by_label",
    "discrimination",
    "dtw_distances",
    "equal_pairs",
    "same_different",
    "same_different_of_pairs",
    "vector_distances",
]


@dataclass(frozen=True)
class SameDifferentResult:
    """A same-different score.

    Attributes:
        figures: all in [0, 1], higher is better. ``ap`` and ``prb``: average precision and precision-recall
            breakeven of all pairs. ``swdp_ap`` and ``swdp_prb``: the same, sought are only pairs of the same word by
            different speakers (absent when speakers are unknown or no such pair exists). ``mean_ap`` and
            ``mean_prb``: mean over labels (absent when only pairs are known).
        chance: average precision of a random order, the share of pairs of the same word.
        settings: everything the figures depend on besides tokens and labels.
        labels: average precision and breakeven of each label.
        tokens, pairs, same_pairs, swdp_pairs: how many there are; ``swdp_pairs`` None where speakers are unknown.
        seconds: wall-clock time of everything.
        distance_seconds: of the distances alone.
    """

    figures: dict[str, float]
    chance: float
    settings: dict[str, Any]
    tokens: int
    pairs: int
    same_pairs: int
    swdp_pairs: int | None
    seconds: float
    distance_seconds: float
    labels: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)

    @property
    def ap(self) -> float:
        """Average precision over all pairs."""
        return self.figures["ap"]

    @property
    def pairs_per_second(self) -> float:
        """Distances computed a second."""
        return self.pairs / max(self.distance_seconds, 1e-9)


def same_different(
    words: Sequence[np.ndarray],
    labels: Sequence[str],
    speakers: Sequence[str] | None = None,
    *,
    distance: str,
    normalise: Normalise = "lengths",
    unit: bool = False,
    ties: Ties = "expected",
    precision: str = "float32",
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> SameDifferentResult:
    """Score all pairs of word tokens.

    Args:
        words: (T, D) frames of each token, aligned by DTW; or (D,) vectors, compared as they are.
        labels: the word of each token.
        speakers: who said it; None: unknown.
        distance: ``cosine`` (1 - cos), ``euclidean``, ``sqeuclidean``; frames also ``angular``, ``kl``,
            ``identical``; vectors also ``chebyshev``, ``hamming``.
        normalise: of DTW costs: ``lengths`` divides by N + M as the original does; ``path``, ``none``.
        unit: bring frames to norm 1 before a distance that does not do so itself.
        ties: ``expected``: the mean over all orders of equal distances; ``stable``: the order of the tokens decides.
        precision: ``float32``, as the original tools store distances, or ``float64``.
        threads, device, progress: as ``dtw_distances``.

    Raises:
        SonantError: fewer than two tokens, labels of another number, no two tokens of one word, frames of different
            sizes or not finite, a setting that does not exist.
    """
    begin = time.perf_counter()
    check_labels(len(words), labels, speakers)
    names, word_N = numbers_of(labels)
    same_P = equal_pairs(word_N)
    require(
        same_P.any(),
        f"the {len(words)} tokens have {len(names)} labels and no two tokens share one: there is nothing to find",
    )
    require(len(names) > 1, f"all {len(words)} tokens are of the word '{names[0]}': there is nothing to tell apart")
    options = {"distance": distance, "precision": precision, "progress": progress}
    warping = {"normalise": normalise, "unit": unit, "threads": threads, "device": device}
    distance_P, settings, seconds = _distances(words, None, options, warping)
    other_P = None if speakers is None else ~equal_pairs(numbers_of(speakers)[1])
    figures, counts = discrimination(distance_P, same_P, other_P, ties=ties)
    each = by_label(distance_P, labels, ties=ties)
    means = np.mean(list(each.values()), axis=0)
    return SameDifferentResult(
        figures={**figures, "mean_ap": float(means[0]), "mean_prb": float(means[1])},
        settings={**settings, "ties": ties},
        tokens=len(words),
        labels=each,
        **counts,
        seconds=time.perf_counter() - begin,
        distance_seconds=seconds,
    )


def same_different_of_pairs(
    words: Sequence[np.ndarray],
    pairs: tuple[np.ndarray, np.ndarray],
    same_P: np.ndarray,
    other_P: np.ndarray | None = None,
    *,
    distance: str,
    normalise: Normalise = "lengths",
    unit: bool = False,
    ties: Ties = "expected",
    precision: str = "float32",
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> SameDifferentResult:
    """Score the pairs of a list.

    Args:
        words: (T, D) frames or (D,) vectors.
        pairs: (P,) first and (P,) second tokens, as numbers.
        same_P: (P,) booleans, true for two tokens of one word.
        other_P: (P,) booleans, true for two speakers; None: unknown.
        others: as ``same_different``.
    """
    begin = time.perf_counter()
    options = {"distance": distance, "precision": precision, "progress": progress}
    warping = {"normalise": normalise, "unit": unit, "threads": threads, "device": device}
    distance_P, settings, seconds = _distances(words, pairs, options, warping)
    figures, counts = discrimination(distance_P, same_P, other_P, ties=ties)
    return SameDifferentResult(
        figures=figures,
        settings={**settings, "ties": ties},
        tokens=len(words),
        **counts,
        seconds=time.perf_counter() - begin,
        distance_seconds=seconds,
    )


def discrimination(
    distance_P: np.ndarray, same_P: np.ndarray, other_P: np.ndarray | None = None, *, ties: Ties = "expected"
) -> tuple[dict[str, float], dict[str, Any]]:
    """Every figure of a set of pairs in one pass.

    Args:
        distance_P: (P,) distances.
        same_P: (P,) booleans, true for two tokens of one word.
        other_P: (P,) booleans, true for two speakers; None: unknown.
        ties: as ``same_different``.

    Returns:
        Figures (``ap``, ``prb``, ``swdp_ap``, ``swdp_prb``), and ``chance``, ``pairs``, ``same_pairs``,
        ``swdp_pairs``.
    """
    ranking = Ranking.of(distance_P, same_P, other_P, ties=ties)
    figures = {"ap": average_precision(ranking), "prb": breakeven(ranking)}
    others = None if ranking.other_G is None else int(ranking.other_G.sum())
    if others:
        figures["swdp_ap"] = average_precision(ranking, other_speakers=True)
        figures["swdp_prb"] = breakeven(ranking, other_speakers=True)
    same = int(ranking.hits_G.sum())
    counts = {"pairs": ranking.pairs, "same_pairs": same, "swdp_pairs": others, "chance": same / ranking.pairs}
    return figures, counts


def by_label(
    distance_P: np.ndarray, labels: Sequence[str], *, ties: Ties = "expected"
) -> dict[str, tuple[float, float]]:
    """Average precision and breakeven of each label with two tokens or more, among the pairs that involve it.

    Args:
        distance_P: condensed distances of all pairs.
        labels: the word of each token.
    """
    names, word_N = numbers_of(labels)
    scores = {}
    for number in np.flatnonzero(np.bincount(word_N) >= 2).tolist():
        place, same = pairs_with(word_N, number)
        ranking = Ranking.of(distance_P[place], same, ties=ties)
        scores[names[number]] = (average_precision(ranking), breakeven(ranking))
    return scores


def _distances(
    words: Sequence[np.ndarray],
    pairs: tuple[np.ndarray, np.ndarray] | None,
    options: dict[str, Any],
    warping: dict[str, Any],
) -> tuple[np.ndarray, dict[str, Any], float]:
    """Distances, the settings that they depend on, and how long they took."""
    begin = time.perf_counter()
    settings = {"distance": options["distance"], "precision": options["precision"]}
    vectors = sum(np.ndim(word) == 1 for word in words)
    require(vectors in (0, len(words)), f"{vectors} of {len(words)} tokens are vectors and the others frames")
    if vectors:
        sizes = {len(word) for word in words}
        require(len(sizes) == 1, f"all vectors must be of one size, got sizes {sorted(sizes)[:5]}")
        distance_P = vector_distances(np.stack(words), pairs, **options)
    else:
        if not numba_installed() and torch.device(warping["device"]).type == "cpu":
            print("sonant: DTW without numba is slower; install it with: pip install 'sonant[abx]'", file=sys.stderr)
        distance_P = dtw_distances(words, pairs, **options, **warping)
        settings |= {"normalise": warping["normalise"], "unit": warping["unit"]}
    return distance_P, settings, time.perf_counter() - begin
