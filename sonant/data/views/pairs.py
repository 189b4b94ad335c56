"""Pairs of segments that hold the same word, true or discovered: for correspondence methods.

Letters: P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import require
from ..pairs import NO_LABEL
from ..pool import Pool
from .segments import ListView, Span, Spans


@dataclass(frozen=True)
class Config:
    batch_size: int = 300  # pairs in a global batch; Kamper 2019 has 300
    max_seconds: float | None = 1.0  # s, longer segments end there; None: whole
    both_ways: bool = True  # every pair also with its sides exchanged
    drop_last: bool = True  # leave out the incomplete batch at the end


class Pairs(ListView):
    """Batches carry ``other``, the partners, and ``extras["word_B"]``, numbers of their words.

    Example 2 p is pair p, example 2 p + 1 the same the other way round. Pairs of like length come together.

    Args:
        pairs: both sides of each.
        labels: the word of each; equal words have equal numbers. ``?`` has a number of its own. None: all unknown.
    """

    def __init__(
        self, cfg: Config, pool: Pool, pairs: Sequence[tuple[Span, Span]], labels: Sequence[str] | None = None
    ):
        require(cfg.batch_size > 0, f"pairs need a positive batch_size, got {cfg.batch_size}")
        self.cfg, self.pool = cfg, pool
        sides = [Spans([pair[side] for pair in pairs], pool, max_seconds=cfg.max_seconds) for side in (0, 1)]
        self.sides = sides
        self.word = numbers_of_words(labels or [NO_LABEL] * len(pairs))
        known = np.flatnonzero(sides[0].known & sides[1].known)
        require(
            len(known),
            f"none of {len(pairs)} pairs has both segments in utterances of '{pool.manifest.folder}'; are they of this "
            f"corpus? Its utterances are called like '{pool.id(0)}'",
        )
        usable = np.concatenate([2 * known, 2 * known + 1]) if cfg.both_ways else 2 * known
        self.choose(usable, np.maximum(*(side.count for side in sides))[usable // 2])
        self.missing = len(pairs) - len(known)

    def utterance_of(self, example: int) -> int:
        return int(self.sides[example % 2].number[example // 2])

    def partner_of(self, example: int) -> int:
        return int(self.sides[1 - example % 2].number[example // 2])

    def word_of(self, example: int) -> int:
        return int(self.word[example // 2])

    def read(self, example: int, *, key: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
        pair, way = divmod(int(example), 2)
        return self.sides[way].read(self.pool, pair), self.sides[1 - way].read(self.pool, pair)

    def size(self, examples: np.ndarray) -> int:
        return int(max(side.count[examples // 2].max() for side in self.sides))


def numbers_of_words(labels: Sequence[str]) -> np.ndarray:
    """(P,) numbers, equal for equal labels; every ``?`` has its own, as it may be any word or none of the others."""
    names, number_P = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    unknown_P = np.asarray(labels, dtype=object) == NO_LABEL
    return np.where(unknown_P, len(names) + np.arange(len(labels)), number_P)
