"""Several random windows of the same utterance: positive pairs for contrastive and joint-embedding methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import require, samples_of, seconds_of
from ..pool import Pool
from .base import View, cut_batch, random_start


@dataclass(frozen=True)
class Config:
    seconds: float = 2.0  # s, length of a crop
    views: int = 2  # crops of each utterance, drawn apart; they may overlap
    batch_size: int = 32  # utterances in a global batch
    short: Literal["drop", "pad"] = "drop"  # utterances shorter than a crop; padded, their crops are the same
    drop_last: bool = True  # leave out the incomplete batch at the end


class Crops(View):
    """Batches carry ``extras["views"]`` (B, V, L); ``wave_BL`` is the first view."""

    def __init__(self, cfg: Config, pool: Pool):
        require(
            cfg.batch_size > 0 and cfg.seconds > 0 and cfg.views > 0,
            "crops need a positive batch_size, length in seconds and number of views",
        )
        self.cfg, self.pool = cfg, pool
        self.window = samples_of(cfg.seconds, pool.sample_rate)
        self.usable = np.flatnonzero(pool.samples >= (self.window if cfg.short == "drop" else 1))
        require(
            len(self.usable),
            f"no utterance is as long as a crop of {cfg.seconds:g} s, the longest lasts "
            f"{seconds_of(int(pool.samples.max()), pool.sample_rate):.2f} s; lower the crop or set short to pad",
        )
        total = len(self.usable)
        self.steps = max(total // cfg.batch_size if cfg.drop_last else -(-total // cfg.batch_size), 1)

    def batch(self, index: int, key: int | None) -> np.ndarray:
        return self.usable[cut_batch(len(self.usable), size=self.cfg.batch_size, index=index, key=key)]

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        length = int(self.pool.samples[example])
        count = min(self.window, length)
        starts = [random_start(length, count, seed, "crop", view) for view in range(self.cfg.views)]
        return stack_views([self.pool.read(example, start=start, count=count) for start in starts])

    def size(self, examples: np.ndarray) -> int:
        return self.window


def stack_views(waves: list[np.ndarray]) -> np.ndarray:
    """(V, L) from windows that a damaged duration may have left a few samples apart."""
    shortest = min(len(wave) for wave in waves)
    return np.stack([wave[:shortest] for wave in waves])
