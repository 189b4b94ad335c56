"""Word segments cut out of utterances: for acoustic word embeddings.

Letters: E segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import require, samples_of
from ..pool import Pool
from .base import View, cut_bucketed

Span = tuple[str, float, float]  # utterance id, start and end in seconds


@dataclass(frozen=True)
class Config:
    batch_size: int = 300  # segments in a global batch; Kamper 2019 has 300
    max_seconds: float | None = 1.0  # s, longer segments end there (100 frames in Kamper 2019); None: whole
    drop_last: bool = True  # leave out the incomplete batch at the end


class Spans:
    """Places of segments in a pool.

    Args:
        spans: (utterance id, start, end) in seconds; those that the pool lacks are marked in ``known``.
        max_seconds: s, longer segments end there; None: whole.

    Attributes:
        known: (E,) booleans, whether the utterance is in the pool and the segment has a sample (or frame) in it.
        number, start, count: (E,) utterance of the pool, first sample and number of samples, where known.
    """

    def __init__(self, spans: Sequence[Span], pool: Pool, *, max_seconds: float | None):
        numbers = {pool.id(number): number for number in range(len(pool))}
        rate = pool.sample_rate
        cap = np.inf if max_seconds is None else samples_of(max_seconds, rate)
        self.number = np.array([numbers.get(name, -1) for name, _, _ in spans], dtype=np.int64)
        self.start = np.array([samples_of(start, rate) for _, start, _ in spans], dtype=np.int64)
        end = np.array([samples_of(end, rate) for _, _, end in spans], dtype=np.int64)
        end = np.minimum(end, np.where(self.number >= 0, pool.samples[self.number], 0))
        self.count = np.minimum(end - self.start, cap).astype(np.int64)
        self.known = (self.number >= 0) & (self.count > 0)

    def read(self, pool: Pool, segment: int) -> np.ndarray:
        """The samples (or frames) of one segment."""
        return pool.read(int(self.number[segment]), start=int(self.start[segment]), count=int(self.count[segment]))


class ListView(View):
    """A view of examples that a list names: in random order, those of like length together."""

    cfg: Any  # with batch_size and drop_last

    def choose(self, usable: np.ndarray, lengths: np.ndarray) -> None:
        """Set what can be drawn: example numbers and the (padded) length of each."""
        size, total = self.cfg.batch_size, len(usable)
        self.usable, self.lengths = usable, lengths
        self.full = total // size
        self.steps = max(self.full if self.cfg.drop_last else -(-total // size), 1)

    def batch(self, index: int, key: int | None) -> np.ndarray:
        size = self.cfg.batch_size
        return self.usable[cut_bucketed(self.lengths, size=size, index=index, key=key, batches=self.full)]


class Segments(ListView):
    """Pieces of utterances."""

    def __init__(self, cfg: Config, pool: Pool, spans: Sequence[Span]):
        require(cfg.batch_size > 0, f"segments need a positive batch_size, got {cfg.batch_size}")
        self.cfg, self.pool = cfg, pool
        self.spans = Spans(spans, pool, max_seconds=cfg.max_seconds)
        usable = np.flatnonzero(self.spans.known)
        require(
            len(usable),
            f"none of {len(spans)} segments lies in an utterance of '{pool.manifest.folder}'; are they of this corpus? "
            f"Its utterances are called like '{pool.id(0)}'",
        )
        self.choose(usable, self.spans.count[usable])
        self.missing = len(spans) - len(usable)

    def utterance_of(self, example: int) -> int:
        return int(self.spans.number[example])

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        return self.spans.read(self.pool, example)

    def size(self, examples: np.ndarray) -> int:
        return int(self.spans.count[examples].max())
