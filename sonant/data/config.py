"""The section ``data`` of a run's configuration, and the loaders that it describes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..core import numpy_generator, require, unknown
from .array_pool import ArrayPool
from .augment.chain import Augmenter
from .augment.config import AugmentConfig
from .dialogue_pool import DialoguePool
from .dialogue_units import UnitDialoguePool
from .loader import Loader
from .manifest import Manifest
from .pool import Pool
from .views import aligned_chunks, chunks, crops, dialogue, dialogue_units, pairs, segments, speakers, tiles, utterances
from .views.base import View

ViewName = Literal[
    "chunks", "crops", "utterances", "speakers", "segments", "pairs", "tiles", "aligned", "dialogue", "dialogue_units"
]


@dataclass(frozen=True)
class DataConfig:
    train: str | None = None  # manifest folder to train on
    arrays: str | None = None  # features of its utterances, computed before (sonant extract), in place of their audio
    rate: float = 100.0  # Hz, frames per second of arrays without an index
    valid: str | None = None  # manifest folder for validation; None: a part of ``train`` is held out
    valid_arrays: str | None = None  # as arrays, for ``valid``; None: those of ``arrays``
    valid_fraction: float = 0.05  # part of the utterances held out when ``valid`` is None; 0: no validation
    valid_most: int = 1000  # utterances held out at the most when ``valid`` is None
    valid_by: Literal["utterance", "speaker"] = "utterance"  # speaker: held-out speakers are never trained on
    fraction: float = 1.0  # part of each speaker's utterances to train on, at least one: how far do few labels go?
    sample_rate: int = 16_000  # Hz; other audio is resampled
    view: ViewName = "chunks"
    # what an example is
    words: str | None = None  # words.tsv (segments); None: the segments of ``pairs``
    pairs: str | None = None  # pairs.tsv (pairs): two segments of the same word per line
    both_ways: bool = True  # every pair also with its sides exchanged (pairs)
    batch_size: int = 8  # examples in a global batch, over all processes (chunks, crops; utterances: at most);
    # utterances whose tiles make one (tiles)
    batch_seconds: float | None = None  # s in a global batch with its padding (utterances)
    chunk_seconds: float = (
        1.28  # s, length of a window or crop (chunks, crops, speakers, dialogue); from tile to tile (tiles)
    )
    tile_window: tiles.Window = "causal"  # what a tile holds besides its own stretch; see views/tiles.py (tiles)
    tile_pad: tiles.Pad = "valid"  # tiles past an utterance's ends: left out, or what fills them (tiles)
    tile_value: float = 0.0  # that fills them with tile_pad constant (tiles)
    tiles_per_batch: int | None = 8  # tiles drawn from those of a batch's utterances while training; None: all (tiles)
    aligned_to: Literal["phones", "words"] = "phones"  # what tiles are cut around in place of fixed places (aligned)
    aligned_lobe: int = 0  # how much longer than that they are: phones, or frames beside words (aligned)
    group: Literal["none", "utterance", "speaker"] = "none"  # what all windows of a batch share (chunks)
    views: int = 2  # crops of each utterance (crops)
    crops_apart: bool = False  # the two crops do not overlap (crops)
    local_views: int = 0  # further crops of each utterance, of ``local_seconds`` (crops)
    local_seconds: float = 1.0  # s
    activity_rate: float = 50.0  # Hz, frames of voice activity per second: those of the model (dialogue)
    horizon_seconds: float = (
        2.0  # s of activity beyond a window: the future that is projected (dialogue, dialogue_units)
    )
    overlap_seconds: float = 1.0  # s that windows have in common (dialogue)
    windows: Literal["slide", "units"] = "slide"  # where windows lie; units: an utterance of 1 s or more ends in each
    unit_end: float = 8.0  # s, so far after its beginning (dialogue)
    end_share: float | None = None  # share of a step left at the end from which there is one more window (dialogue)
    peak: bool = False  # each channel of a window has a greatest sample of 1, where that was above 0.05 (dialogue)
    flip: float = 0.5  # probability that the speakers are exchanged while training (dialogue)
    mask_silent: float = 0.0  # probability that a channel is turned down where it is not active, while training
    mask_gain: float = 0.1  # by this factor; 0: zeros (dialogue)
    mix: bool = False  # both channels as one, for models of one channel (dialogue)
    past: bool = False  # also who was active before the window, for models with a history (dialogue)
    speakers_per_batch: int = 16  # S (speakers)
    utterances_per_speaker: int = 4  # U (speakers)
    short: Literal["drop", "pad", "wrap"] = "drop"  # utterances shorter than chunk_seconds; wrap: repeated (crops)
    min_seconds: float = 0.0  # s, shorter utterances are left out
    max_seconds: float | None = None  # s, longer utterances are cropped at random, longer segments end there
    # (utterances, segments, pairs)
    shuffle: bool = True  # False: the same batches in the same order every epoch
    workers: int = 2  # processes that read ahead; 0: none
    strict: bool = False  # stop at the first unreadable file instead of skipping it
    cache_mb: int = 1000  # MB of memory for decoded audio, used when the whole corpus fits; 0: read files every time
    cache_folder: str | None = None  # folder on disk for decoded audio in place of memory: 115 MB an hour at 16 kHz,
    # filled as files are read and kept for later runs; worth it for m4a and MP3


def build_loaders(
    cfg: DataConfig, *, augment: AugmentConfig | None = None, seed: int = 0, rank: int = 0, world: int = 1
) -> tuple[Loader, Loader | None]:
    """The loaders for training and validation; the second is None when nothing is held out.

    Without a manifest for validation a part of the utterances is held out; of segments and pairs, a part of these.

    Validation has the same view without shuffling; its windows and crops are the same every time, and are heard clean
    unless ``augment.valid``.
    Raises SonantError when a manifest is missing or leaves nothing to train on, or no file of noise can be read.
    """
    require(cfg.train, "data.train names no manifest; make one with: sonant prepare folder AUDIO OUT")
    augment = AugmentConfig() if augment is None else augment
    _check_augment(cfg, augment)
    speeds = augment.speeds
    train, valid = _cut_views(cfg) if cfg.view in ("segments", "pairs") else _utterance_views(cfg, speeds=speeds)
    if rank == 0:
        _tell_missing(cfg, [view for view in (train, valid) if view is not None])
    heard, heard_in_valid = _augmenters(cfg, augment, tell=rank == 0)
    options = {"seed": seed, "rank": rank, "world": world, "strict": cfg.strict}
    loader = Loader(train, shuffle=cfg.shuffle, workers=cfg.workers, augment=heard, **options)
    workers = min(cfg.workers, 1)
    return loader, valid and Loader(valid, shuffle=False, workers=workers, augment=heard_in_valid, **options)


def _check_augment(cfg: DataConfig, augment: AugmentConfig) -> None:
    """Refuse what this view or these data cannot give."""
    require(
        cfg.arrays is None or not (augment.changes or augment.speeds or augment.keep_clean),
        "augment works on audio, and data.arrays gives features in its place: leave out one of both",
    )
    require(
        cfg.view == "crops" or not augment.speeds,
        f"augment.speeds is for the view crops, and data.view is {cfg.view}: leave it out",
    )
    require(
        cfg.view != "pairs" or not augment.keep_clean,
        "augment.keep_clean is for single examples, and data.view is pairs: leave it out",
    )
    require(
        cfg.short != "wrap" or cfg.view == "crops",
        f"data.short wrap is for the view crops, and data.view is {cfg.view}: use drop or pad",
    )


def _augmenters(cfg: DataConfig, augment: AugmentConfig, *, tell: bool) -> tuple[Augmenter | None, Augmenter | None]:
    """What training and validation hear."""
    for told in augment.lacking if tell else ():
        print(f"sonant: {told}", file=sys.stderr)
    if not (augment.changes or augment.keep_clean):
        return None, None
    options = {"sample_rate": cfg.sample_rate, "strict": cfg.strict}
    training = Augmenter(augment, **options)
    if tell:
        for reason in training.unusable.values():
            print(f"sonant: skipped in augmentation: {reason}", file=sys.stderr)
    if augment.valid:
        return training, training
    return training, Augmenter(AugmentConfig(keep_clean=True), **options) if augment.keep_clean else None


def _tell_missing(cfg: DataConfig, views: list[View]) -> None:
    """What lists and arrays lack, each in a line."""
    missing = sum(view.missing for view in views)
    if missing:
        print(f"sonant: left out, not in the utterances of '{cfg.train}': {missing} {cfg.view}", file=sys.stderr)
    pools = {id(view.pool): view.pool for view in views}.values()
    absent = sum(getattr(pool, "missing", 0) for pool in pools)
    if absent:
        print(f"sonant: left out, no array in '{cfg.arrays}': {absent} utterances", file=sys.stderr)


def _utterance_views(cfg: DataConfig, *, speeds: tuple[float, ...]) -> tuple[View, View | None]:
    """Views for training and validation on different utterances."""
    manifest = Manifest.open(cfg.train)
    if cfg.valid is not None:
        kept, valid_manifest, held = None, Manifest.open(cfg.valid), None
    else:
        fraction = min(cfg.valid_fraction, cfg.valid_most / max(len(manifest), 1))
        kept, held = manifest.split(fraction, seed=0, by=cfg.valid_by)  # the same for every seed of a run
        valid_manifest = manifest if len(held) else None
    train = build_view(cfg, _pool(cfg, manifest, _part(cfg, manifest, kept)), speeds=speeds)
    if valid_manifest is None:
        return train, None
    return train, build_view(cfg, _pool(cfg, valid_manifest, held, valid=True), training=False)


def _part(cfg: DataConfig, manifest: Manifest, kept: np.ndarray | None) -> np.ndarray | None:
    """``fraction`` of the utterances of each speaker (of all without one together), the same for every seed."""
    require(0 < cfg.fraction <= 1, f"data.fraction is a part of the utterances in (0, 1], got {cfg.fraction:g}")
    if cfg.fraction == 1:
        return kept
    kept = np.arange(len(manifest)) if kept is None else kept
    speaker = np.asarray(manifest.table.speaker)[kept]
    chosen = []
    for number in np.unique(speaker):
        own = kept[speaker == number]
        count = max(round(cfg.fraction * len(own)), 1)
        chosen.append(numpy_generator(0, "fraction", int(number)).permutation(own)[:count])
    return np.sort(np.concatenate(chosen))


def _cut_views(cfg: DataConfig) -> tuple[View, View | None]:
    """Views for training and validation on different segments or pairs of the same utterances."""
    listed = _listed(cfg)
    count = min(round(cfg.valid_fraction * len(listed)), cfg.valid_most)
    held = set(numpy_generator(0, "split", cfg.view).permutation(len(listed))[:count].tolist())
    pool = _pool(cfg, Manifest.open(cfg.train), None)
    kept = [item for number, item in enumerate(listed) if number not in held]
    train = _cut_view(cfg, pool, kept, training=True)
    return train, _cut_view(cfg, pool, [listed[i] for i in sorted(held)], training=False) if held else None


def _listed(cfg: DataConfig) -> list:
    """The segments or pairs that the lists of a configuration name."""
    from .pairs import read_pairs
    from .words import read_words

    if cfg.view == "segments" and cfg.words is not None:
        return [word.span for word in read_words(cfg.words)]
    require(
        cfg.pairs is not None,
        f"the view {cfg.view} needs a list of {cfg.view}: give data.pairs a pairs.tsv (sonant pairs makes one)"
        + (", or data.words a words.tsv (sonant words makes one)" if cfg.view == "segments" else ""),
    )
    listed = read_pairs(cfg.pairs)
    return sorted({span for pair in listed for span in pair.spans}) if cfg.view == "segments" else listed


def _cut_view(cfg: DataConfig, pool: Pool, listed: list, *, training: bool) -> View:
    options = {"batch_size": cfg.batch_size, "max_seconds": cfg.max_seconds, "drop_last": training}
    if cfg.view == "segments":
        return segments.Segments(segments.Config(**options), pool, listed)
    spans, labels = [pair.spans for pair in listed], [pair.label for pair in listed]
    return pairs.Pairs(pairs.Config(both_ways=cfg.both_ways, **options), pool, spans, labels)


def build_view(cfg: DataConfig, pool: Pool, *, training: bool = True, speeds: tuple[float, ...] = ()) -> View:
    """The view that a configuration names, on a pool. For validation nothing is left out at the end.

    Args:
        speeds: factors of which one is drawn for each utterance (crops).
    """
    last = {"drop_last": training}
    if cfg.view == "chunks":
        return chunks.Chunks(
            chunks.Config(
                seconds=cfg.chunk_seconds, batch_size=cfg.batch_size, group=cfg.group, short=cfg.short, **last
            ),
            pool,
        )
    if cfg.view == "aligned":
        options = {"window": cfg.tile_window, "pad": cfg.tile_pad, "value": cfg.tile_value, **last}
        options |= {"batch_size": cfg.batch_size, "most": cfg.tiles_per_batch if training else None}
        return aligned_chunks.AlignedChunks(
            aligned_chunks.Config(to=cfg.aligned_to, lobe=cfg.aligned_lobe, **options), pool
        )
    if cfg.view == "crops":
        options = {"views": cfg.views, "apart": cfg.crops_apart, "batch_size": cfg.batch_size, "short": cfg.short}
        options |= {"local_views": cfg.local_views, "local_seconds": cfg.local_seconds, "speeds": speeds, **last}
        return crops.Crops(crops.Config(seconds=cfg.chunk_seconds, **options), pool)
    if cfg.view == "utterances":
        return utterances.Utterances(
            utterances.Config(
                batch_size=cfg.batch_size, batch_seconds=cfg.batch_seconds, max_seconds=cfg.max_seconds, **last
            ),
            pool,
        )
    if cfg.view == "speakers":
        return speakers.Speakers(_speakers(cfg, pool, training=training), pool)
    if cfg.view == "tiles":
        return tiles.Tiles(
            tiles.Config(
                seconds=cfg.chunk_seconds,
                window=cfg.tile_window,
                pad=cfg.tile_pad,
                value=cfg.tile_value,
                batch_size=cfg.batch_size,
                most=cfg.tiles_per_batch if training else None,
                **last,
            ),
            pool,
        )
    if cfg.view == "dialogue":
        return dialogue.Dialogues(_dialogues(cfg, training=training), pool)
    if cfg.view == "dialogue_units":
        return dialogue_units.DialogueUnits(_dialogues(cfg, training=training), pool)
    raise unknown("view", cfg.view, get_args(ViewName))


def _dialogues(cfg: DataConfig, *, training: bool) -> dialogue.Config:
    return dialogue.Config(
        seconds=cfg.chunk_seconds, overlap=cfg.overlap_seconds, horizon=cfg.horizon_seconds, rate=cfg.activity_rate,
        batch_size=cfg.batch_size, short="pad" if cfg.short == "pad" else "drop", flip=cfg.flip,
        mask_silent=cfg.mask_silent, mask_gain=cfg.mask_gain, mix=cfg.mix, past=cfg.past, drop_last=training,
        windows=cfg.windows, unit_end=cfg.unit_end, end_share=cfg.end_share, peak=cfg.peak,
    )  # fmt: skip


def _speakers(cfg: DataConfig, pool: Pool, *, training: bool) -> speakers.Config:
    """For validation no more speakers a batch than there are."""
    known = len(np.unique(pool.speaker[pool.speaker >= 0]))
    count = cfg.speakers_per_batch if training else max(min(cfg.speakers_per_batch, known), 1)
    return speakers.Config(
        speakers=count, utterances=cfg.utterances_per_speaker, seconds=cfg.chunk_seconds, short=cfg.short
    )


def _pool(cfg: DataConfig, manifest: Manifest, indices: np.ndarray | None, *, valid: bool = False) -> Pool | ArrayPool:
    options = {"indices": indices, "sample_rate": cfg.sample_rate, "min_seconds": cfg.min_seconds}
    arrays = (valid and cfg.valid_arrays) or cfg.arrays
    require(
        arrays is None or cfg.view != "dialogue", "data.arrays has no two channels; leave it out for the view dialogue"
    )
    require(
        arrays is not None or cfg.view != "dialogue_units",
        "the view dialogue_units needs data.arrays, a folder of sonant units encode --form dialogue",
    )
    if arrays is None:
        pool = DialoguePool if cfg.view == "dialogue" else Pool
        return pool(manifest, cache_mb=cfg.cache_mb, cache_folder=cfg.cache_folder, **options)
    pool = UnitDialoguePool if cfg.view == "dialogue_units" else ArrayPool
    return pool(manifest, arrays=arrays, rate=cfg.rate, cache_mb=cfg.cache_mb, **options)
