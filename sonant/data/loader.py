"""Batches that are a pure function of (seed, step, rank, world) and of the manifest.

An item of the dataset is the whole batch of a step. That makes order, resuming and the number of workers
irrelevant to what a step sees: the state of a loader is the number of the next step.

Letters: B examples, L samples, V views, W local views.
"""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..core import Batch, SonantError, derive_seed, require
from .augment.chain import Augmenter
from .views.base import View

ATTEMPTS = 100  # unreadable examples in a row before the disk is at fault and not a file


class Loader:
    """Serves the batches of a view.

    Args:
        view: what an example is; its batch size is that of the global batch, over all processes.
        seed: of the run.
        shuffle: a new order and new random places every epoch; False: the same fixed batches every epoch.
        workers: processes that read ahead; 0: read in this one. The batches are the same.
        prefetch: batches that each worker reads ahead.
        rank, world: this process and how many train together. Each takes its contiguous slice of the global
            batch; with ``shuffle`` all slices have the same size (a remainder is left out).
        strict: an unreadable file is an error; otherwise it is named once on stderr, counted, and another example
            takes its place.
        augment: what happens to every view of every example, seeded by the example; None: nothing.

    Attributes:
        steps_per_epoch: batches in an epoch.
        skipped: unreadable files met so far, with the reason.
    """

    def __init__(
        self,
        view: View,
        *,
        seed: int = 0,
        shuffle: bool = True,
        workers: int = 0,
        prefetch: int = 4,
        rank: int = 0,
        world: int = 1,
        strict: bool = False,
        augment: Augmenter | None = None,
    ):
        require(0 <= rank < world, f"rank {rank} does not exist among {world} processes")
        require(workers >= 0, f"the number of workers cannot be negative, got {workers}")
        self.view, self.workers, self.strict = view, workers, strict
        self.steps_per_epoch = view.steps
        self.skipped: dict[str, str] = {}
        self._steps = _Steps()
        own = torch.Generator().manual_seed(0)  # the reader draws a number per iteration: not from the global generator
        self._batches = _Batches(
            view, seed=seed, shuffle=shuffle, rank=rank, world=world, strict=strict, augment=augment
        )
        self._reader = DataLoader(
            self._batches,
            batch_size=None,
            sampler=self._steps,
            num_workers=workers,
            collate_fn=_as_it_is,
            prefetch_factor=prefetch if workers else None,
            persistent_workers=workers > 0,
            worker_init_fn=_start_worker,
            generator=own,
            pin_memory=torch.cuda.is_available(),
        )

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.view.pool.sample_rate

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the first epoch."""
        return self.batches(0, self.steps_per_epoch)

    def batches(self, start_step: int = 0, steps: int | None = None) -> Iterator[Batch]:
        """The batches of ``steps`` steps (None: without end) from ``start_step`` on, across epochs.

        Only one such iteration of a loader may be under way at a time.
        """
        self._steps.start, self._steps.steps = start_step, steps
        for item in self._reader:
            if isinstance(item, _Failure):
                raise SonantError(item.message)
            self._report(item.skipped)
            yield item.batch

    def _report(self, skipped: dict[str, str]) -> None:
        for path, reason in skipped.items():
            if path not in self.skipped:
                self.skipped[path] = reason
                print(f"sonant: skipped in training: {reason}", file=sys.stderr)


@dataclass
class _Item:
    batch: Batch
    skipped: dict[str, str] = field(default_factory=dict)

    def pin_memory(self) -> _Item:
        return _Item(self.batch.pin_memory(), self.skipped)


@dataclass
class _Failure:
    """An error on its way out of a worker, as one line."""

    message: str


class _Steps:
    """The numbers of the steps to come, as a sampler."""

    def __init__(self):
        self.start, self.steps = 0, None

    def __iter__(self) -> Iterator[int]:
        if self.steps is None:
            return itertools.count(self.start)
        return iter(range(self.start, self.start + self.steps))


class _Batches(Dataset):
    """The batch of every step."""

    def __init__(
        self, view: View, *, seed: int, shuffle: bool, rank: int, world: int, strict: bool, augment: Augmenter | None
    ):
        self.view, self.seed, self.shuffle, self.strict = view, seed, shuffle, strict
        self.rank, self.world, self.augment = rank, world, augment

    def __getitem__(self, step: int) -> _Item | _Failure:
        try:
            return self._item(step)
        except SonantError as error:
            return _Failure(str(error))

    def _item(self, step: int) -> _Item:
        epoch, index = divmod(step, self.view.steps)
        key = derive_seed(self.seed, "epoch", epoch) if self.shuffle else None
        examples = self._even(self.view.batch(index, key))
        first, last = (len(examples) * part // self.world for part in (self.rank, self.rank + 1))
        skipped: dict[str, str] = {}
        read, chosen, seeds = [], [], []
        beside: dict[str, list[np.ndarray]] = {}
        labels: dict[str, list[np.ndarray]] = {}
        for position in range(first, last):
            seed = derive_seed(self.seed, "example", step, position)
            (wave, local), example = self._read(int(examples[position]), index, position, key, seed, skipped)
            wave, more = self._augmented(wave, local, example, seed, skipped)
            read.append(wave), chosen.append(example), seeds.append(seed)
            for name, value in more.items():
                beside.setdefault(name, []).append(value)
            for name, value in self.view.labels(example, key=key, seed=seed).items():
                labels.setdefault(name, []).append(value)
        batch = self._batch(read, chosen, seeds, self.view.size(examples))
        sizes = {"local_views": self.view.local_window} if "local_views" in beside else {}
        extras = {name: _padded(waves, sizes.get(name, batch.wave_BL.shape[-1])) for name, waves in beside.items()}
        extras |= {name: torch.from_numpy(np.stack(values)) for name, values in labels.items()}
        return _Item(replace(batch, extras={**batch.extras, **extras}), skipped)

    def _augmented(
        self, wave: np.ndarray | tuple[np.ndarray, np.ndarray], local: np.ndarray | None, example: int, seed: int,
        skipped: dict,
    ) -> tuple[np.ndarray | tuple[np.ndarray, np.ndarray], dict[str, np.ndarray]]:  # fmt: skip
        """The waves of an example as they are heard, and what the batch carries beside them, by name."""
        clean, augment = wave, self.augment
        if augment is not None and augment.cfg.changes:
            noted = {"speaker": self.view.pool.speaker_of(self.view.utterance_of(example)), "skipped": skipped}
            if isinstance(wave, tuple):
                wave = tuple(augment(w, seed, purpose=f"side {side}", **noted) for side, w in enumerate(wave))
            else:
                wave = augment(wave, seed, **noted)
            local = None if local is None else augment(local, seed, purpose="local", **noted)
        more = {} if local is None else {"local_views": local}
        return wave, more | ({"clean_views": clean} if augment is not None and augment.cfg.keep_clean else {})

    def _batch(self, read: list, examples: list[int], seeds: list[int], size: int) -> Batch:
        numbers = [self.view.utterance_of(example) for example in examples]
        if not isinstance(read[0], tuple):
            return self._collate(read, numbers, seeds, size)
        others = [self.view.partner_of(example) for example in examples]
        other = self._collate([pair[1] for pair in read], others, seeds, size)
        words = {"word_B": torch.tensor([self.view.word_of(example) for example in examples])}
        return replace(self._collate([pair[0] for pair in read], numbers, seeds, size), other=other, extras=words)

    def _even(self, examples: np.ndarray) -> np.ndarray:
        """A batch that every process gets a part of; equal parts when training, so that tensors can be gathered.

        In validation too where the view asks for it.
        """
        if len(examples) < self.world:
            return np.resize(examples, self.world)
        even = self.shuffle or self.view.even
        return examples[: len(examples) - len(examples) % self.world] if even else examples

    def _read(
        self, example: int, index: int, position: int, key: int | None, seed: int, skipped: dict[str, str]
    ) -> tuple[tuple[np.ndarray | tuple[np.ndarray, np.ndarray], np.ndarray | None], int]:
        """The audio of an example and its local views, or of the first that can be read of those that may stand in
        for it; and which."""
        view = self.view
        for attempt in range(ATTEMPTS):
            if attempt:
                example = view.spare(index, key, position=position, attempt=attempt)
            try:
                wave = view.read(example, key=key, seed=seed)
                return (wave, view.read_local(example, key=key, seed=seed)), example
            except SonantError as error:
                if self.strict:
                    raise
                reason = skipped[view.pool.path(view.utterance_of(example))] = str(error)
        raise SonantError(
            f"{ATTEMPTS} examples in a row cannot be read; is the disk with the audio there? The last: {reason}"
        )

    def _collate(self, waves: list[np.ndarray], numbers: list[int], seeds: list[int], size: int) -> Batch:
        pool = self.view.pool
        geometry = getattr(pool, "geometry", None)  # of arrays in place of audio: their time is before their channels
        if geometry is not None:
            waves = [wave.swapaxes(-1, -2) for wave in waves]
        lengths_B = torch.tensor([min(wave.shape[-1], size) for wave in waves])
        tensor = _padded(waves, size)
        if geometry is not None:
            tensor = tensor.transpose(-1, -2).contiguous()
        views = tensor.dim() == (3 if geometry is None else 4) and not self.view.multichannel
        return Batch(
            wave_BL=tensor[:, 0] if views else tensor,
            lengths_B=lengths_B,
            sample_rate=geometry.sample_rate if geometry is not None else pool.sample_rate,
            geometry=geometry,
            ids=tuple(pool.id(number) for number in numbers),
            seeds=tuple(seeds),
            speaker_B=torch.tensor(pool.speaker[numbers], dtype=torch.long) if pool.has_speakers else None,
            extras=({"views": tensor} if views else {}) | _languages(pool, numbers),
        )


def _padded(waves: list[np.ndarray], size: int) -> torch.Tensor:
    """(B, ..., size) of waves (..., L), zeros behind them."""
    padded = np.zeros((len(waves), *waves[0].shape[:-1], size), dtype=np.float32)
    for row, wave in zip(padded, waves, strict=True):
        row[..., : wave.shape[-1]] = wave[..., :size]
    return torch.from_numpy(padded)


def _languages(pool, numbers: list[int]) -> dict[str, torch.Tensor]:
    """``language_B``, the languages' numbers (-1 where unknown), where the corpus names any."""
    table = pool.manifest.table
    if not table.languages:
        return {}
    return {"language_B": torch.tensor(table.language[pool.index[numbers]], dtype=torch.long)}


def _as_it_is(item):
    return item


def _start_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training process, which ends its workers
