"""The utterances that a view draws from: their lengths at the training rate, and their audio."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ..core import SonantError, require, samples_of, seconds_of
from .audio import read_audio, resampled_count
from .cache import WaveCache
from .manifest import Manifest

TOLERANCE_S = 0.1  # durations from text files are rounded; a file shorter than that has changed


class Selection:
    """Some of a manifest's utterances, by numbers of their own; ``index`` are those in the manifest."""

    manifest: Manifest
    index: np.ndarray
    speaker: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def has_speakers(self) -> bool:
        return bool((self.speaker >= 0).any())

    def id(self, number: int) -> str:
        """Id of the utterance ``number`` of this selection."""
        return self.manifest.table.ids[int(self.index[number])]

    def speaker_of(self, number: int) -> str | None:
        """Name of the speaker of the utterance ``number`` of this selection, None where unknown."""
        speaker = int(self.speaker[number])
        return self.manifest.speakers[speaker] if speaker >= 0 else None


class Pool(Selection):
    """A selection of a manifest's utterances at one sampling rate.

    Args:
        manifest: the corpus.
        indices: numbers of the utterances to use; None: all.
        sample_rate: of the audio that is read, in Hz.
        min_seconds: shorter utterances are left out.
        cache_mb: memory that decoded audio may take (MB of 16-bit samples, shared by the workers); used when
            all of the selection fits into it, 0: none. What is cached is rounded to 16 bits.
        cache_folder: keep decoded audio of the whole manifest in files there, 16 bits, in place of memory.

    Attributes:
        index: (U,) numbers in the manifest.
        samples: (U,) samples at ``sample_rate``.
        speaker: (U,) speaker numbers, -1 where unknown.
        channels: that are read.
    """

    channels = 1

    def __init__(
        self,
        manifest: Manifest,
        *,
        indices: np.ndarray | None = None,
        sample_rate: int = 16_000,
        min_seconds: float = 0.0,
        cache_mb: int = 0,
        cache_folder: str | Path | None = None,
    ):
        self.manifest, self.sample_rate = manifest, sample_rate
        table = manifest.table
        index = np.arange(len(manifest)) if indices is None else np.asarray(indices, dtype=np.int64)
        samples = resampled_count(table.num_samples[index], table.sample_rate[index].astype(np.int64), sample_rate)
        kept = samples >= max(samples_of(min_seconds, sample_rate), 1)
        require(
            kept.any(),
            f"no utterance of '{manifest.folder}' is as long as min_seconds={min_seconds:g}; the longest of "
            f"{len(index)} lasts {seconds_of(int(samples.max(initial=0)), sample_rate):.2f} s",
        )
        self.index, self.samples = index[kept], samples[kept]
        self.speaker = np.asarray(table.speaker[self.index])
        if cache_folder is not None:
            self.cache, self.slots = self._on_disk(Path(cache_folder)), self.index
        else:
            self.cache, self.slots = WaveCache.fitting(self.channels * self.samples, cache_mb), np.arange(len(index))

    def path(self, number: int) -> str:
        return str(self.manifest.path(int(self.index[number])))

    def read(self, number: int, *, start: int = 0, count: int | None = None) -> np.ndarray:
        """(count,) float32 samples of an utterance from sample ``start``; several channels are averaged.

        Raises SonantError when the audio cannot be read or is shorter than the manifest says.
        """
        count = int(self.samples[number]) - start if count is None else count
        if self.cache is None:
            return self._decode(number, start, count)
        slot = int(self.slots[number])
        wave_L = self.cache.get(slot, start, count)
        if wave_L is None:
            self.cache.put(slot, self._decode(number, 0, self.channels * int(self.samples[number])))
            wave_L = self.cache.get(slot, start, count)
        return wave_L

    def _on_disk(self, folder: Path) -> WaveCache:
        """Decoded audio of all utterances of the manifest, in a folder named after its content and place."""
        table = self.manifest.table
        described = (table.folder / "table.json").read_bytes() + str(self.manifest.folder.absolute()).encode()
        name = hashlib.blake2b(described, digest_size=8).hexdigest()
        samples = resampled_count(table.num_samples[:], table.sample_rate[:].astype(np.int64), self.sample_rate)
        kind = "" if self.channels == 1 else f"-{self.channels}"
        return WaveCache(self.channels * samples, folder=folder / f"{name}-{self.sample_rate}{kind}")

    def _decode(self, number: int, start: int, count: int) -> np.ndarray:
        wave = self._window(number, start, count)
        return wave if wave.ndim == 1 else wave.mean(axis=0, dtype=np.float32)

    def _window(self, number: int, start: int, count: int) -> np.ndarray:
        """Samples of the file, (L,) or of several channels (C, L)."""
        table, row = self.manifest.table, int(self.index[number])
        channel = int(table.channel[row])
        wave, _ = read_audio(
            self.path(number),
            start_s=float(table.start[row]) + seconds_of(start, self.sample_rate),
            duration_s=seconds_of(count, self.sample_rate),
            channel=None if channel < 0 else channel,
            sample_rate=self.sample_rate,
        )
        if wave.shape[-1] < count - samples_of(TOLERANCE_S, self.sample_rate):
            raise SonantError(
                f"'{self.path(number)}' is shorter than its manifest says: it changed since; prepare the corpus again"
            )
        return wave
