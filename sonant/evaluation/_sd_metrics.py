"""Average precision and precision-recall breakeven of pairs ranked by distance, with exact treatment of ties.

Pairs are sorted from near to far; a pair of the same word is a hit. Precision at rank k is the share of hits among
the first k pairs, recall the share of the pairs sought that are among them. Pairs at one distance have no order:
``expected`` takes the mean over all their orders (for the breakeven: of the mean hits at every rank), so that the
result does not depend on how the data is stored; ``stable`` keeps the order in which they were given, which is what
a stable sort in the original tools does.

Sources: Carlin, Thomas, Jansen and Hermansky 2011 (the task); Hermann, Kamper and Goldwater 2021 (same word,
different speakers); McSherry and Najork 2008, section 3 (average precision expected under ties).

Letters: P pairs, G groups of pairs at one distance with a hit among them.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..core import require, unknown

TIES = ("expected", "stable")
Ties = Literal["expected", "stable"]
_AT_ONCE = 2**20  # ranks of tied groups that are held at once


@dataclass(frozen=True)
class Ranking:
    """Where the hits lie among all pairs sorted by distance.

    Attributes:
        before_G: pairs nearer than the group.
        size_G: pairs of the group.
        hits_G: pairs of the same word in it, at least one.
        other_G: those of them by different speakers; None when speakers are unknown.
        pairs: P.
    """

    before_G: np.ndarray
    size_G: np.ndarray
    hits_G: np.ndarray
    other_G: np.ndarray | None
    pairs: int

    @classmethod
    def of(
        cls,
        distance_P: np.ndarray,
        same_P: np.ndarray,
        other_P: np.ndarray | None = None,
        *,
        ties: Ties = "expected",
    ) -> Ranking:
        """Rank pairs.

        Args:
            distance_P: (P,) distances.
            same_P: (P,) booleans, true for two tokens of one word.
            other_P: (P,) booleans, true for tokens of different speakers; None: unknown.
            ties: what happens to equal distances.

        Raises:
            SonantError: arrays of different lengths, distances that are not finite, no pair of the same word.
        """
        if ties not in TIES:
            raise unknown("treatment of ties", ties, TIES)
        _check(distance_P, same_P, other_P)
        found = distance_P[same_P]
        of_others = None if other_P is None else other_P[same_P]
        if ties == "stable":
            rank = np.flatnonzero(same_P[np.argsort(distance_P, kind="stable")])
            others = None if of_others is None else of_others[np.argsort(found, kind="stable")].astype(np.int64)
            return cls(rank, np.ones_like(rank), np.ones_like(rank), others, len(distance_P))
        value_G, group = np.unique(found, return_inverse=True)
        ranked_P = np.sort(distance_P)
        before_G = np.searchsorted(ranked_P, value_G, side="left")
        size_G = np.searchsorted(ranked_P, value_G, side="right") - before_G
        others = None if of_others is None else np.bincount(group[of_others], minlength=len(value_G))
        return cls(before_G, size_G, np.bincount(group), others, len(distance_P))

    def sought(self, *, other_speakers: bool) -> np.ndarray:
        """(G,) the pairs that recall counts: all of the same word, or only those by different speakers."""
        assert self.other_G is not None or not other_speakers
        return self.other_G if other_speakers else self.hits_G


def average_precision(ranking: Ranking, *, other_speakers: bool = False) -> float:
    """Mean precision at the ranks of the pairs sought, without interpolation.

    In [0, 1], higher is better; chance is the share of pairs of the same word. With ``other_speakers`` the mean is
    over pairs of the same word by different speakers; those by one speaker are hits of the precision all the same.
    """
    sought_G = ranking.sought(other_speakers=other_speakers)
    hits_before_G = np.cumsum(ranking.hits_G) - ranking.hits_G
    total = 0.0
    for part in _parts(ranking.size_G):
        size, before, hits = ranking.size_G[part], ranking.before_G[part], ranking.hits_G[part]
        group = np.repeat(np.arange(len(size)), size)
        step = np.arange(1, len(group) + 1) - (np.cumsum(size) - size)[group]  # 1, 2, ... within each group
        # a pair sought at this step has, on average, this many of the group's other hits before it
        earlier = (step - 1) * ((hits - 1) / np.maximum(size - 1, 1))[group]
        precision = (hits_before_G[part][group] + earlier + 1) / (before[group] + step)
        total += float((precision * (sought_G[part] / size)[group]).sum())
    return total / float(sought_G.sum())


def breakeven(ranking: Ranking, *, other_speakers: bool = False) -> float:
    """Precision-recall breakeven: the mean of both where they are nearest, in [0, 1], higher is better.

    Precision at a rank is the highest at this or any later rank, so it falls as recall rises and their difference
    can be searched by bisection; of two ranks equally near, the earlier counts.
    """
    curve = _Curve(ranking, ranking.sought(other_speakers=other_speakers))
    rank = 1 + bisect.bisect_left(range(1, ranking.pairs), True, key=lambda k: curve.excess(k) >= 0)
    if rank > 1 and -curve.excess(rank - 1) <= curve.excess(rank):
        rank -= 1
    return sum(curve.at(rank)) / 2


class _Curve:
    """Recall and (highest later) precision at any rank; mean hits within tied groups."""

    def __init__(self, ranking: Ranking, sought_G: np.ndarray):
        self.ranking, self.sought_G = ranking, sought_G
        self.hits_after_G, self.found_after_G = np.cumsum(ranking.hits_G), np.cumsum(sought_G)
        end_G = ranking.before_G + ranking.size_G
        hits_before_G = self.hits_after_G - ranking.hits_G
        self.last_G = self.hits_after_G / end_G
        first_G = (hits_before_G + ranking.hits_G / ranking.size_G) / (ranking.before_G + 1)
        best_G = np.maximum(first_G, self.last_G)  # within a group precision rises or falls all the way
        self.later_G = np.append(np.maximum.accumulate(best_G[::-1])[::-1], 0.0)  # best from group g on

    def at(self, rank: int) -> tuple[float, float]:
        """(recall, precision) at a rank from 1 on."""
        group = int(np.searchsorted(self.ranking.before_G, rank)) - 1
        if group < 0:
            return 0.0, float(self.later_G[0])
        before, size = int(self.ranking.before_G[group]), int(self.ranking.size_G[group])
        left = max(before + size - rank, 0)  # pairs of the group past this rank
        hits = self.hits_after_G[group] - left * (self.ranking.hits_G[group] / size)
        found = self.found_after_G[group] - left * (self.sought_G[group] / size)
        end = float(self.last_G[group]) if left else 0.0
        precision = max(float(hits) / rank, end, float(self.later_G[group + 1]))
        return float(found) / float(self.found_after_G[-1]), precision

    def excess(self, rank: int) -> float:
        """Recall less precision: never falls from one rank to the next."""
        recall, precision = self.at(rank)
        return recall - precision


def _parts(size_G: np.ndarray) -> list[slice]:
    """Consecutive groups of at most ``_AT_ONCE`` pairs in all, of one group at least."""
    block_G = np.cumsum(size_G) // _AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(block_G)) + 1).tolist(), len(size_G)]
    return [slice(begin, end) for begin, end in zip(edges, edges[1:], strict=False)]


def _check(distance_P: np.ndarray, same_P: np.ndarray, other_P: np.ndarray | None) -> None:
    for name, flags_P in (("same-word", same_P), ("speaker", other_P)):
        good = flags_P is None or (flags_P.shape == distance_P.shape and flags_P.dtype == bool)
        require(good, f"the {name} flags must be booleans, one for each of the {len(distance_P)} distances")
    require(
        np.isfinite(distance_P).all(), "some distances are NaN or infinite: are there such numbers in the features?"
    )
    require(same_P.any(), "no pair is of the same word, so there is nothing to find; are the labels words?")
