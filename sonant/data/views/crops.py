"""Several random windows of the same utterance: positive pairs for contrastive and joint-embedding methods.

Letters: L samples of a crop, V views, W local views.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import derive_seed, require, samples_of, seconds_of
from ..audio import resample
from ..pool import Pool
from .base import View, cut_batch, random_start

SPEED_STEPS = 1000  # factors of speed are multiples of a thousandth


@dataclass(frozen=True)
class Config:
    seconds: float = 2.0  # s, length of a crop
    views: int = 2  # crops of each utterance, drawn apart; they may overlap
    apart: bool = False  # two crops that do not overlap (ssl-for-slr)
    local_views: int = 0  # further crops, of ``local_seconds`` (multi-crop: DINO, SwAV)
    local_seconds: float = 1.0  # s
    batch_size: int = 32  # utterances in a global batch
    short: Literal["drop", "pad", "wrap"] = "drop"  # utterances shorter than a crop (``apart``: than two); padded with
    # zeros or wrapped (repeated up to that length), their crops are the same (``apart``: follow each other)
    speeds: tuple[float, ...] = ()  # one is drawn for each utterance: all its crops are played so much faster
    drop_last: bool = True  # leave out the incomplete batch at the end


class Crops(View):
    """Batches carry ``extras["views"]`` (B, V, L); ``wave_BL`` is the first view.

    With ``local_views`` also ``extras["local_views"]`` (B, W, L'), L' samples of ``local_seconds``.
    """

    even = True

    def __init__(self, cfg: Config, pool: Pool):
        require(
            cfg.batch_size > 0 and cfg.seconds > 0 and cfg.views > 0,
            "crops need a positive batch_size, length in seconds and number of views",
        )
        require(
            cfg.local_views >= 0 and cfg.local_seconds > 0,
            "local_views cannot be negative, and local_seconds is positive",
        )
        require(
            not cfg.apart or (cfg.views == 2 and cfg.short != "pad"),
            "crops_apart is for two views of utterances that are long enough: set views to 2 and short to drop or wrap",
        )
        self.cfg, self.pool = cfg, pool
        self.window = samples_of(cfg.seconds, pool.sample_rate)
        self.local_window = samples_of(cfg.local_seconds, pool.sample_rate)
        fastest = _played(self.window, max(cfg.speeds, default=1.0))
        needed = (1 + cfg.apart) * fastest if cfg.short == "drop" else 1
        self.usable = np.flatnonzero(pool.samples >= needed)
        require(
            len(self.usable),
            f"no utterance is as long as {'two crops' if cfg.apart else 'a crop'} of {cfg.seconds:g} s, the longest "
            f"lasts {seconds_of(int(pool.samples.max()), pool.sample_rate):.2f} s; lower the crop or set short to pad "
            "or wrap",
        )
        total = len(self.usable)
        self.steps = max(total // cfg.batch_size if cfg.drop_last else -(-total // cfg.batch_size), 1)

    def batch(self, index: int, key: int | None) -> np.ndarray:
        return self.usable[cut_batch(len(self.usable), size=self.cfg.batch_size, index=index, key=key)]

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        speed = self._speed(seed)
        count, length = _played(self.window, speed), int(self.pool.samples[example])
        if self.cfg.apart:
            starts = two_apart(max(length, 2 * count), count, seed)
        else:
            starts = [random_start(length, count, seed, "crop", view) for view in range(self.cfg.views)]
        return self._crops(example, starts, count=count, window=self.window, speed=speed)

    def read_local(self, example: int, *, key: int | None, seed: int) -> np.ndarray | None:
        if not self.cfg.local_views:
            return None
        speed = self._speed(seed)
        count, length = _played(self.local_window, speed), int(self.pool.samples[example])
        starts = [random_start(length, count, seed, "local", view) for view in range(self.cfg.local_views)]
        return self._crops(example, starts, count=count, window=self.local_window, speed=speed)

    def size(self, examples: np.ndarray) -> int:
        return self.window

    def _speed(self, seed: int) -> float:
        speeds = self.cfg.speeds
        return speeds[derive_seed(seed, "speed") % len(speeds)] if speeds else 1.0

    def _crops(self, example: int, starts: list[int], *, count: int, window: int, speed: float) -> np.ndarray:
        """(V, L) windows of ``count`` samples, played so fast that they last ``window``."""
        length = int(self.pool.samples[example])
        if self.cfg.short == "wrap" and length < max(starts) + count:
            whole_L = self.pool.read(example)
            waves = [np.take(whole_L, range(start, start + count), mode="wrap") for start in starts]
        else:
            waves = [self.pool.read(example, start=start, count=min(count, length - start)) for start in starts]
        return stack_views([_faster(wave_L, speed)[:window] for wave_L in waves])


def two_apart(length: int, window: int, seed: int) -> list[int]:
    """Where two windows begin that do not overlap in ``length`` samples (at least two windows).

    The rule of ssl-for-slr: a distance from 0 up to what is left over, then the middle of it at random.
    """
    distance = derive_seed(seed, "apart", "distance") % (length - 2 * window + 1)
    half = distance // 2
    pivot = window + half + derive_seed(seed, "apart", "pivot") % (length - 2 * (window + half) + 1)
    return [pivot - half - window, pivot + half]


def stack_views(waves: list[np.ndarray]) -> np.ndarray:
    """(V, L) from windows that a damaged duration may have left a few samples apart."""
    shortest = min(len(wave) for wave in waves)
    return np.stack([wave[:shortest] for wave in waves])


def _played(window: int, speed: float) -> int:
    """Samples that last ``window`` samples when they are played so much faster."""
    return math.ceil(window * speed)


def _faster(wave_L: np.ndarray, speed: float) -> np.ndarray:
    """(L / speed,) the wave played faster, which also raises its pitch."""
    steps = round(speed * SPEED_STEPS)
    return resample(wave_L[None], steps, SPEED_STEPS)[0] if steps != SPEED_STEPS else wave_L
