"""Utterances whose frames were computed before: arrays in place of audio, behind the face of a ``Pool``.

To the views a frame is what a sample is in a ``Pool``: ``sample_rate`` counts frames per second. Numbers of units come
as frames that are 1 at their unit.

Letters: U utterances, T frames, D dimensions.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..core import FrameGeometry, SonantError, require, samples_of, seconds_of
from .arrays import ArrayReader
from .manifest import Manifest
from .pool import Selection
from .units import classes_of, one_hot


class ArrayPool(Selection):
    """A selection of a manifest's utterances as arrays of frames.

    Args:
        manifest: names the utterances and their speakers; utterances without an array are left out.
        arrays: what ``ArrayReader`` opens; keys are utterance ids.
        indices: numbers of the utterances to use; None: all.
        sample_rate: of the audio, in Hz; must be what the index of the arrays says.
        rate: frames per second, where no index tells it.
        min_seconds: shorter utterances are left out.
        cache_mb: MB of memory for frames; when all of the selection fits, it is read once.

    Attributes:
        geometry: of the frames.
        dim: D.
        index, samples, speaker: (U,) as in ``Pool``; ``samples`` are frames.
        missing: utterances of the selection without an array.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        arrays: str | Path,
        indices: np.ndarray | None = None,
        sample_rate: int = 16_000,
        rate: float = 100.0,
        min_seconds: float = 0.0,
        cache_mb: int = 0,
    ):
        self.manifest, self.where = manifest, Path(arrays)
        self._readers: dict[int, ArrayReader] = {}
        reader = self._reader()
        self.geometry = reader.geometry or _plain_geometry(sample_rate, rate)
        self.sample_rate = _whole_rate(self.geometry, sample_rate)
        index = np.arange(len(manifest)) if indices is None else np.asarray(indices, dtype=np.int64)
        ids = [manifest.table.ids[int(i)] for i in index]
        there = np.array([name in reader for name in ids], dtype=bool)
        require(there.any(), f"'{arrays}' has no array for any utterance of '{manifest.folder}', such as '{ids[0]}'")
        self.missing = int((~there).sum())
        shapes = np.array([reader.shape(name) if known else (0, 0) for name, known in zip(ids, there, strict=True)])
        kept = there & (shapes[:, 0] >= max(samples_of(min_seconds, self.sample_rate), 1))
        longest = seconds_of(int(shapes[:, 0].max()), self.sample_rate)
        require(kept.any(), f"no array is as long as min_seconds={min_seconds:g}; the longest lasts {longest:.2f} s")
        self.classes = classes_of(reader.facts)
        stored = int(shapes[kept, 1][0])
        self.dim = self.classes or stored
        require(
            bool((shapes[kept, 1] == stored).all()),
            f"the arrays of '{arrays}' have different numbers of dimensions: {np.unique(shapes[kept, 1]).tolist()}",
        )
        self.index, self.samples = index[kept], shapes[kept, 0].astype(np.int64)
        self.speaker = np.asarray(manifest.table.speaker[self.index])
        fits = 4 * stored * int(self.samples.sum()) <= cache_mb * 1_000_000
        self.cache = [reader[self.id(number)] for number in range(len(self))] if fits else None

    def path(self, number: int) -> str:
        return f"{self.where} ({self.id(number)})"

    def read(self, number: int, *, start: int = 0, count: int | None = None) -> np.ndarray:
        """(count, D) float32 frames of an utterance from frame ``start``."""
        x_TD = self._array(number)
        x_TD = x_TD[start:] if count is None else x_TD[start : start + count]
        if not np.isfinite(x_TD).all():
            raise SonantError(f"the array '{self.id(number)}' of '{self.where}' holds numbers that are not finite")
        return one_hot(x_TD, self.classes)

    def _array(self, number: int) -> np.ndarray:
        return self._reader()[self.id(number)] if self.cache is None else self.cache[number]

    def _reader(self) -> ArrayReader:
        """The arrays, opened once in every process: open files are not to be shared between processes."""
        return self._readers.setdefault(os.getpid(), ArrayReader(self.where))

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_readers": {}}


def size_of_arrays(arrays: str | Path, *, rate: float) -> tuple[int, float]:
    """Channels of a frame and frames per second; ``rate`` where no index tells the latter."""
    with ArrayReader(arrays) as reader:
        dim = classes_of(reader.facts) or reader.shape(next(iter(reader)))[-1]
        return dim, reader.geometry.rate if reader.geometry is not None else rate


def _plain_geometry(sample_rate: int, rate: float) -> FrameGeometry:
    """Frames side by side, for arrays that do not say where theirs lie."""
    hop = max(round(sample_rate / rate), 1)
    return FrameGeometry(sample_rate, hop=hop, window=hop)


def _whole_rate(geometry: FrameGeometry, sample_rate: int) -> int:
    """Frames per second, as a whole number."""
    require(
        geometry.sample_rate == sample_rate,
        f"the arrays are of audio at {geometry.sample_rate} Hz and data.sample_rate is {sample_rate}; set it so",
    )
    require(
        sample_rate % geometry.hop == 0,
        f"arrays with {geometry.rate:g} frames per second: training needs a whole number of frames per second",
    )
    return sample_rate // geometry.hop
