"""Decoded audio, kept once for all worker processes: in memory, or in a file that later runs find again."""

from __future__ import annotations

import mmap
import multiprocessing
import os
from pathlib import Path
from typing import IO

import numpy as np

from ..core import SonantError

FULL_SCALE = np.float32(32768)  # 16-bit samples per unit of amplitude


class WaveCache:
    """Samples of every utterance of a pool, filled as they are read.

    Args:
        samples: (U,) of each utterance.
        dtype: int16 (what is kept is rounded to 16 bits) or float32.
        folder: on disk, in place of memory; made and reserved in full when it is not there.

    The memory is anonymous and shared: worker processes made by fork see what any of them has decoded. Made by
    spawn, each has a cache of its own.
    """

    def __init__(self, samples: np.ndarray, *, dtype: type = np.int16, folder: Path | None = None):
        self.samples, self.dtype, self.folder = samples, dtype, folder
        self.end = np.cumsum(samples)
        self.lock = multiprocessing.Lock()  # orders the samples of an utterance before the mark that they are there
        self.wave = self._mapped("wave", int(self.end[-1]), dtype)
        self.filled = self._mapped("filled", len(samples), np.uint8)
        self.length = self._mapped("length", len(samples), np.int64)

    @classmethod
    def fitting(cls, samples: np.ndarray, megabytes: int) -> WaveCache | None:
        """A cache of 16 bits for utterances of so many samples, or None when they need more than ``megabytes``."""
        return cls(samples) if 2 * int(samples.sum()) <= megabytes * 1_000_000 else None

    def _mapped(self, name: str, count: int, dtype: type) -> np.ndarray:
        """(count,) numbers that all processes share."""
        size = np.dtype(dtype).itemsize * count
        if self.folder is None:
            return np.frombuffer(mmap.mmap(-1, size), dtype=dtype)
        with _reserved(self.folder / f"{name}.bin", size) as file:
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype=dtype)

    def get(self, number: int, start: int, count: int) -> np.ndarray | None:
        """(count,) float32 samples of an utterance from ``start``, fewer at its end; None when it is not there yet."""
        with self.lock:
            if not self.filled[number]:
                return None
        first = int(self.end[number] - self.samples[number])
        kept_L = self.wave[first + start : first + min(start + count, int(self.length[number]))]
        return kept_L / FULL_SCALE if self.dtype is np.int16 else kept_L.copy()

    def put(self, number: int, wave_L: np.ndarray) -> None:
        """Keep an utterance."""
        if self.dtype is np.int16:
            wave_L = np.clip(np.rint(wave_L * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        start = int(self.end[number] - self.samples[number])
        self.wave[start : start + len(wave_L)] = wave_L
        self.length[number] = len(wave_L)
        with self.lock:
            self.filled[number] = 1

    def __getstate__(self) -> dict:
        return {"samples": self.samples, "dtype": self.dtype, "folder": self.folder}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["samples"], dtype=state["dtype"], folder=state["folder"])


def _reserved(path: Path, size: int) -> IO[bytes]:
    """A file of ``size`` bytes, zeros where it is new. Its place on the disk is taken now and not while training."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("r+b" if path.exists() else "w+b")
        if os.fstat(file.fileno()).st_size != size:
            _reserve(path, file, size)
    except OSError as error:
        raise SonantError(
            f"cannot keep decoded audio in '{path}' ({size / 1e9:.2f} GB): {error.strerror}; name another folder in "
            "data.cache_folder or leave it out"
        ) from None
    return file


def _reserve(path: Path, file: IO[bytes], size: int) -> None:
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS
            file.truncate(size)
    except OSError:
        path.unlink(missing_ok=True)
        raise
