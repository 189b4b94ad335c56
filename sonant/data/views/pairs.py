"""Pairs of segments that hold the same word, true or discovered: for correspondence methods.

Letters: P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core import require
from ..pool import Pool
from .base import View, cut_bucketed
from .segments import Span, Spans


@dataclass(frozen=True)
class Config:
    batch_size: int = 300  # pairs in a global batch; Kamper 2019 has 300
    max_seconds: float | None = 1.0  # s, longer segments end there; None: whole
    both_ways: bool = True  # every pair also with its sides exchanged
    drop_last: bool = True  # leave out the incomplete batch at the end


class Pairs(View):
    """Batches carry ``other``, the partners. Example 2 p is pair p, example 2 p + 1 the same the other way round.

    Pairs of like length come together.
    """

    def __init__(self, cfg: Config, pool: Pool, pairs: Sequence[tuple[Span, Span]]):
        require(cfg.batch_size > 0, f"pairs need a positive batch_size, got {cfg.batch_size}")
        self.cfg, self.pool = cfg, pool
        sides = [Spans([pair[side] for pair in pairs], pool, max_seconds=cfg.max_seconds) for side in (0, 1)]
        self.sides = sides
        known = np.flatnonzero(sides[0].known & sides[1].known)
        require(
            len(known),
            f"none of {len(pairs)} pairs has both segments in utterances of '{pool.manifest.folder}'; are they of this "
            f"corpus? Its utterances are called like '{pool.id(0)}'",
        )
        self.usable = np.concatenate([2 * known, 2 * known + 1]) if cfg.both_ways else 2 * known
        self.lengths = np.maximum(*(side.count for side in sides))[self.usable // 2]
        total = len(self.usable)
        self.steps = max(total // cfg.batch_size if cfg.drop_last else -(-total // cfg.batch_size), 1)

    def batch(self, index: int, key: int | None) -> np.ndarray:
        full = len(self.usable) // self.cfg.batch_size
        size = self.cfg.batch_size
        return self.usable[cut_bucketed(self.lengths, size=size, index=index, key=key, batches=full)]

    def utterance_of(self, example: int) -> int:
        return int(self.sides[example % 2].number[example // 2])

    def partner_of(self, example: int) -> int:
        return int(self.sides[1 - example % 2].number[example // 2])

    def read(self, example: int, *, key: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
        pair, way = divmod(int(example), 2)
        return self.sides[way].read(self.pool, pair), self.sides[1 - way].read(self.pool, pair)

    def size(self, examples: np.ndarray) -> int:
        return int(max(side.count[examples // 2].max() for side in self.sides))
