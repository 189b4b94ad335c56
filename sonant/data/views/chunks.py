"""Fixed windows: every utterance is tiled with windows of the same length, shifted at random in every epoch.

The training view of CPC (facebookresearch/CPC_audio, ``cpc/dataset.py``: windows of 20480 samples, sampling types
``uniform`` and ``samespeaker``). There a window may run across the border of two files; here it never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import derive_seed, require, samples_of, seconds_of
from ..pool import Pool
from .base import View, cut_batch, random_start


@dataclass(frozen=True)
class Config:
    seconds: float = 1.28  # s, length of a window: 20480 samples at 16 kHz in CPC_audio
    batch_size: int = 8  # windows in a global batch; CPC_audio has 8 per device
    group: Literal["none", "utterance", "speaker"] = "none"  # what all windows of a batch share
    short: Literal["drop", "pad"] = "drop"  # utterances shorter than a window
    drop_last: bool = True  # leave out the incomplete batch at the end of a group that has complete ones


class Chunks(View):
    """Windows of ``seconds``. Groups with fewer windows than ``batch_size`` make one smaller batch."""

    def __init__(self, cfg: Config, pool: Pool):
        require(cfg.batch_size > 0 and cfg.seconds > 0, "chunks need a positive batch_size and length in seconds")
        self.cfg, self.pool = cfg, pool
        self.window = samples_of(cfg.seconds, pool.sample_rate)
        self.counts = pool.samples // self.window
        if cfg.short == "pad":
            self.counts = np.maximum(self.counts, 1)
        self._check()
        self.order = np.argsort(pool.speaker, kind="stable") if cfg.group == "speaker" else np.arange(len(pool))
        self.window_end = np.cumsum(self.counts[self.order])  # by place in ``order``
        self.group_end = self._groups()
        sizes = np.diff(self.group_end, prepend=0)
        batches = sizes // cfg.batch_size if cfg.drop_last else -(-sizes // cfg.batch_size)
        self.batch_end = np.cumsum(np.where(sizes > 0, np.maximum(batches, 1), 0))
        self.steps = int(self.batch_end[-1])
        self.together = 1 if cfg.group == "none" else cfg.batch_size

    def __len__(self) -> int:
        """Windows in the pool."""
        return int(self.window_end[-1])

    def batch(self, index: int, key: int | None) -> np.ndarray:
        if key is not None and len(self.group_end) > 1:
            index = int(cut_batch(self.steps, size=1, index=index, key=derive_seed(key, "batches"))[0])
        group = int(np.searchsorted(self.batch_end, index, side="right"))
        before = int(self.batch_end[group - 1]) if group else 0
        first = int(self.group_end[group - 1]) if group else 0
        total = int(self.group_end[group]) - first
        inner = None if key is None else derive_seed(key, "windows", group)
        return first + cut_batch(total, size=self.cfg.batch_size, index=index - before, key=inner)

    def utterance_of(self, example: int) -> int:
        return int(self.order[np.searchsorted(self.window_end, example, side="right")])

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        place = int(np.searchsorted(self.window_end, example, side="right"))
        number = int(self.order[place])
        count, samples = int(self.counts[number]), int(self.pool.samples[number])
        tile = example - int(self.window_end[place]) + count
        shift = 0 if key is None else random_start(samples, count * self.window, key, "shift", number)
        start = shift + tile * self.window
        return self.pool.read(number, start=start, count=min(self.window, samples - start))

    def size(self, examples: np.ndarray) -> int:
        return self.window

    def _groups(self) -> np.ndarray:
        """Where each group of windows ends."""
        if self.cfg.group == "none":
            return self.window_end[-1:]
        if self.cfg.group == "utterance":
            return self.window_end
        speaker = self.pool.speaker[self.order]
        return self.window_end[np.append(np.flatnonzero(np.diff(speaker)), len(speaker) - 1)]

    def _check(self) -> None:
        longest = seconds_of(int(self.pool.samples.max()), self.pool.sample_rate)
        require(
            self.counts.any(),
            f"no utterance is as long as a window of {self.cfg.seconds:g} s, the longest lasts {longest:.2f} s; "
            "lower the window or set short to pad",
        )
        require(
            self.cfg.group != "speaker" or bool((self.pool.speaker >= 0).all()),
            "batches by speaker need a speaker for every utterance: prepare the corpus with them or set group to none",
        )
