"""Tiles: utterances cut at fixed places into windows with lobes, of which a few are drawn for each batch.

The chunking policy ``fixed`` of Robertson and Dunbar 2023 (arXiv:2312.01515, their code): a batch of utterances is cut
every ``shift`` samples, and some of the pieces are drawn without replacement. With lobe = shift - 1, a window is

    causal        a sample and the lobe before it         shift samples
    future        a sample and the lobe after it          shift samples
    symmetric     a sample and a lobe on both sides       2 shift - 1 samples

Their policy ``none``, whole utterances, is the view ``utterances``.

Letters: U utterances, L samples (or frames of a pool of arrays), N tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import numpy_generator, require, samples_of, seconds_of
from ..pool import Pool
from .base import View, cut_batch

Window = Literal["causal", "symmetric", "future"]
Pad = Literal["valid", "constant", "reflect", "replicate"]


@dataclass(frozen=True)
class Config:
    seconds: float = 1.28  # s, from one tile to the next: 20480 samples at 16 kHz, a lobe of 20479
    window: Window = "causal"
    pad: Pad = "valid"  # valid: tiles that reach past an end are left out; else what stands there
    value: float = 0.0  # of constant
    batch_size: int = 3  # utterances whose tiles make a global batch
    most: int | None = 8  # tiles of them that are drawn; None: all
    drop_last: bool = True  # leave out the incomplete batch at the end


class Tiles(View):
    """Utterances in random order, their tiles drawn anew in every epoch."""

    def __init__(self, cfg: Config, pool: Pool):
        require(
            cfg.batch_size > 0 and cfg.seconds > 0 and (cfg.most is None or cfg.most > 0),
            "tiles need a positive batch_size, length in seconds and number of tiles per batch",
        )
        self.cfg, self.pool = cfg, pool
        self.shift = samples_of(cfg.seconds, pool.sample_rate)
        require(self.shift > 0, f"tiles of {cfg.seconds:g} s are shorter than a sample")
        self.width = 2 * self.shift - 1 if cfg.window == "symmetric" else self.shift
        counts = tile_counts(pool.samples, shift=self.shift, window=cfg.window, pad=cfg.pad)
        self.usable = np.flatnonzero(counts)
        longest = seconds_of(int(pool.samples.max()), pool.sample_rate)
        require(
            len(self.usable),
            f"no utterance is as long as a tile of {seconds_of(self.width, pool.sample_rate):g} s, the longest lasts "
            f"{longest:.2f} s; lower the length of tiles or set tile_pad",
        )
        self.counts = counts[self.usable]
        self.end = np.cumsum(self.counts)
        total = len(self.usable)
        self.steps = max(total // cfg.batch_size if cfg.drop_last else -(-total // cfg.batch_size), 1)

    def __len__(self) -> int:
        """Tiles in the pool."""
        return int(self.end[-1])

    def batch(self, index: int, key: int | None) -> np.ndarray:
        places = cut_batch(len(self.usable), size=self.cfg.batch_size, index=index, key=key)
        tiles = np.concatenate([np.arange(self.end[u] - self.counts[u], self.end[u]) for u in places])
        if self.cfg.most is None or len(tiles) <= self.cfg.most:
            return tiles
        path = ("tiles", index) if key is None else (key, "tiles", index)
        return numpy_generator(*path).choice(tiles, self.cfg.most, replace=False)

    def utterance_of(self, example: int) -> int:
        return int(self.usable[np.searchsorted(self.end, example, side="right")])

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        place = int(np.searchsorted(self.end, example, side="right"))
        number = int(self.usable[place])
        tile = example - int(self.end[place] - self.counts[place])
        start = tile_start(tile, shift=self.shift, window=self.cfg.window, pad=self.cfg.pad)
        positions = np.arange(start, start + self.width)
        length = int(self.pool.samples[number])
        inside = folded(positions, length, reflect=self.cfg.pad == "reflect")
        first = int(inside.min())
        x = self.pool.read(number, start=first, count=int(inside.max()) - first + 1)
        x = x[np.minimum(inside - first, len(x) - 1)]
        if self.cfg.pad == "constant":
            x[(positions < 0) | (positions >= length)] = self.cfg.value
        return x

    def size(self, examples: np.ndarray) -> int:
        return self.width


def tile_counts(lengths: np.ndarray, *, shift: int, window: Window, pad: Pad) -> np.ndarray:
    """(U,) tiles of utterances of these lengths.

    Valid ones lie inside; of padded ones that sample does whose lobes they hold.
    """
    if pad == "valid":
        width = 2 * shift - 1 if window == "symmetric" else shift
        return np.maximum((lengths - width) // shift + 1, 0)
    first = shift // 2 if window == "symmetric" else 0
    return np.maximum(-(-(lengths - first) // shift), 0)


def tile_start(tile: int, *, shift: int, window: Window, pad: Pad) -> int:
    """First sample of a tile, counted from 0; negative where it begins before the utterance."""
    if pad == "valid":
        return tile * shift
    before = {"causal": shift - 1, "symmetric": shift - 1 - shift // 2, "future": 0}[window]
    return tile * shift - before


def folded(positions: np.ndarray, length: int, *, reflect: bool) -> np.ndarray:
    """Places 0 .. length - 1 that stand for positions past the ends: mirrored at the end samples, or just these."""
    if not reflect or length == 1:
        return positions.clip(0, length - 1)
    period = 2 * (length - 1)
    return np.minimum(positions % period, period - positions % period)
