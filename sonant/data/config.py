"""The section ``data`` of a run's configuration, and the loaders that it describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..core import require, unknown
from .loader import Loader
from .manifest import Manifest
from .pool import Pool
from .views import chunks, crops, speakers, utterances
from .views.base import View


@dataclass(frozen=True)
class DataConfig:
    train: str | None = None  # manifest folder to train on
    valid: str | None = None  # manifest folder for validation; None: a part of ``train`` is held out
    valid_fraction: float = 0.05  # part of the utterances held out when ``valid`` is None; 0: no validation
    valid_most: int = 1000  # utterances held out at the most when ``valid`` is None
    valid_by: Literal["utterance", "speaker"] = "utterance"  # speaker: held-out speakers are never trained on
    sample_rate: int = 16_000  # Hz; other audio is resampled
    view: Literal["chunks", "crops", "utterances", "speakers"] = "chunks"  # what an example is
    batch_size: int = 8  # examples in a global batch, over all processes (chunks, crops; utterances: at most)
    batch_seconds: float | None = None  # s in a global batch with its padding (utterances)
    chunk_seconds: float = 1.28  # s, length of a window or crop (chunks, crops, speakers)
    group: Literal["none", "utterance", "speaker"] = "none"  # what all windows of a batch share (chunks)
    views: int = 2  # crops of each utterance (crops)
    speakers_per_batch: int = 16  # S (speakers)
    utterances_per_speaker: int = 4  # U (speakers)
    short: Literal["drop", "pad"] = "drop"  # utterances shorter than chunk_seconds
    min_seconds: float = 0.0  # s, shorter utterances are left out
    max_seconds: float | None = None  # s, longer utterances are cropped at random (utterances)
    shuffle: bool = True  # False: the same batches in the same order every epoch
    workers: int = 2  # processes that read ahead; 0: none
    strict: bool = False  # stop at the first unreadable file instead of skipping it
    cache_mb: int = 1000  # MB of memory for decoded audio, used when the whole corpus fits; 0: read files every time


def build_loaders(cfg: DataConfig, *, seed: int = 0, rank: int = 0, world: int = 1) -> tuple[Loader, Loader | None]:
    """The loaders for training and validation; the second is None when nothing is held out.

    Validation has the same view without shuffling; its windows and crops are the same every time.
    Raises SonantError when a manifest is missing or leaves nothing to train on.
    """
    require(cfg.train, "data.train names no manifest; make one with: sonant prepare folder AUDIO OUT")
    manifest = Manifest.open(cfg.train)
    if cfg.valid is not None:
        kept, valid_manifest, held = None, Manifest.open(cfg.valid), None
    else:
        fraction = min(cfg.valid_fraction, cfg.valid_most / max(len(manifest), 1))
        kept, held = manifest.split(fraction, seed=0, by=cfg.valid_by)  # the same for every seed of a run
        valid_manifest = manifest if len(held) else None
    options = {"seed": seed, "rank": rank, "world": world, "strict": cfg.strict}
    train = Loader(build_view(cfg, _pool(cfg, manifest, kept)), shuffle=cfg.shuffle, workers=cfg.workers, **options)
    if valid_manifest is None:
        return train, None
    view = build_view(cfg, _pool(cfg, valid_manifest, held), training=False)
    return train, Loader(view, shuffle=False, workers=min(cfg.workers, 1), **options)


def build_view(cfg: DataConfig, pool: Pool, *, training: bool = True) -> View:
    """The view that a configuration names, on a pool. For validation nothing is left out at the end."""
    last = {"drop_last": training}
    if cfg.view == "chunks":
        return chunks.Chunks(
            chunks.Config(
                seconds=cfg.chunk_seconds, batch_size=cfg.batch_size, group=cfg.group, short=cfg.short, **last
            ),
            pool,
        )
    if cfg.view == "crops":
        return crops.Crops(
            crops.Config(
                seconds=cfg.chunk_seconds, views=cfg.views, batch_size=cfg.batch_size, short=cfg.short, **last
            ),
            pool,
        )
    if cfg.view == "utterances":
        return utterances.Utterances(
            utterances.Config(
                batch_size=cfg.batch_size, batch_seconds=cfg.batch_seconds, max_seconds=cfg.max_seconds, **last
            ),
            pool,
        )
    if cfg.view == "speakers":
        return speakers.Speakers(_speakers(cfg, pool, training=training), pool)
    raise unknown("view", cfg.view, ["chunks", "crops", "utterances", "speakers"])


def _speakers(cfg: DataConfig, pool: Pool, *, training: bool) -> speakers.Config:
    """For validation no more speakers a batch than there are."""
    known = len(np.unique(pool.speaker[pool.speaker >= 0]))
    count = cfg.speakers_per_batch if training else max(min(cfg.speakers_per_batch, known), 1)
    return speakers.Config(
        speakers=count, utterances=cfg.utterances_per_speaker, seconds=cfg.chunk_seconds, short=cfg.short
    )


def _pool(cfg: DataConfig, manifest: Manifest, indices: np.ndarray | None) -> Pool:
    return Pool(
        manifest, indices=indices, sample_rate=cfg.sample_rate, min_seconds=cfg.min_seconds, cache_mb=cfg.cache_mb
    )
