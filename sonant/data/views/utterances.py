"""Whole utterances in batches of similar length, so that little is padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import derive_seed, numpy_generator, require, samples_of
from ..pool import Pool
from .base import View, random_start

BATCHES_PER_BUCKET = 16  # batches whose utterances are shuffled among each other


@dataclass(frozen=True)
class Config:
    batch_size: int = 16  # utterances in a global batch; with batch_seconds the most there may be
    batch_seconds: float | None = None  # s, of a global batch with its padding; None: no limit
    max_seconds: float | None = None  # s, longer utterances are treated as ``long`` says; None: no limit
    long: Literal["crop", "drop"] = "crop"  # a random window of max_seconds, or left out
    drop_last: bool = True  # leave out the incomplete batch at the end


class Utterances(View):
    """Buckets of similar length, each with a batch size of its own; what is left over moves to the next bucket."""

    def __init__(self, cfg: Config, pool: Pool):
        require(cfg.batch_size > 0, f"batch_size must be positive, got {cfg.batch_size}")
        self.cfg, self.pool = cfg, pool
        self.cap = None if cfg.max_seconds is None else samples_of(cfg.max_seconds, pool.sample_rate)
        usable = np.arange(len(pool))
        if self.cap is not None and cfg.long == "drop":
            usable = usable[pool.samples <= self.cap]
            require(len(usable), f"no utterance is as short as max_seconds={cfg.max_seconds:g}")
        self.sorted = usable[np.argsort(pool.samples[usable], kind="stable")]
        self.lengths = self._capped(pool.samples[self.sorted])
        self.buckets, self.batch_end = self._layout()
        self.steps = len(self.batch_end)
        self._plan: tuple[int | None, np.ndarray] | None = None

    def batch(self, index: int, key: int | None) -> np.ndarray:
        order = self._order(key)
        if key is not None:
            index = int(numpy_generator(key, "batches").permutation(self.steps)[index])
        return order[int(self.batch_end[index - 1]) if index else 0 : int(self.batch_end[index])]

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        length = int(self.pool.samples[example])
        count = length if self.cap is None else min(length, self.cap)
        start = 0 if key is None else random_start(length, count, seed, "crop")
        return self.pool.read(example, start=start, count=count)

    def size(self, examples: np.ndarray) -> int:
        return int(self._capped(self.pool.samples[examples]).max())

    def _capped(self, samples: np.ndarray) -> np.ndarray:
        return samples if self.cap is None else np.minimum(samples, self.cap)

    def _room(self, longest: int) -> int:
        """How many utterances of ``longest`` samples a batch holds, at least 1."""
        if self.cfg.batch_seconds is None:
            return self.cfg.batch_size
        return min(max(samples_of(self.cfg.batch_seconds, self.pool.sample_rate) // longest, 1), self.cfg.batch_size)

    def _layout(self) -> tuple[list[tuple[int, int]], np.ndarray]:
        """Buckets as ranges of the sorted utterances, and where each batch ends in the order of an epoch."""
        total, start, left = len(self.sorted), 0, 0
        buckets, ends, end = [], [], 0
        while start < total:
            stop = min(start + BATCHES_PER_BUCKET * self._room(int(self.lengths[start])), total)
            size = self._room(int(self.lengths[stop - 1]))
            buckets.append((start, stop))
            batches, left = divmod(left + stop - start, size)
            for _ in range(batches):
                end += size
                ends.append(end)
            start = stop
        if left and (not self.cfg.drop_last or not ends):
            ends.append(end + left)
        return buckets, np.array(ends)

    def _order(self, key: int | None) -> np.ndarray:
        """The utterances of an epoch in the order in which batches are cut from them; the last one is remembered."""
        if key is None:
            return self.sorted
        if self._plan is None or self._plan[0] != key:
            order = self.sorted.copy()
            generator = numpy_generator(derive_seed(key, "buckets"))
            for start, stop in self.buckets:
                generator.shuffle(order[start:stop])
            self._plan = (key, order)
        return self._plan[1]
