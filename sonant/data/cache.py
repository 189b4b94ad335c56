"""Decoded audio of a small corpus, kept in memory once for all worker processes."""

from __future__ import annotations

import mmap
import multiprocessing

import numpy as np

FULL_SCALE = np.float32(32768)  # 16-bit samples per unit of amplitude


class WaveCache:
    """16-bit samples of every utterance of a pool, filled as they are read.

    The memory is anonymous and shared: worker processes made by fork see what any of them has decoded. Made by
    spawn, each has a cache of its own.
    """

    def __init__(self, samples: np.ndarray):
        self.samples = samples
        self.end = np.cumsum(samples)
        self.lock = multiprocessing.Lock()  # orders the samples of an utterance before the mark that they are there
        self.wave = np.frombuffer(mmap.mmap(-1, 2 * int(self.end[-1])), dtype=np.int16)
        self.filled = np.frombuffer(mmap.mmap(-1, len(samples)), dtype=np.uint8)
        self.length = np.frombuffer(mmap.mmap(-1, 8 * len(samples)), dtype=np.int64)

    @classmethod
    def fitting(cls, samples: np.ndarray, megabytes: int) -> WaveCache | None:
        """A cache for utterances of so many samples, or None when they need more than ``megabytes``."""
        return cls(samples) if 2 * int(samples.sum()) <= megabytes * 1_000_000 else None

    def get(self, number: int, start: int, count: int) -> np.ndarray | None:
        """(count,) float32 samples of an utterance from ``start``, fewer at its end; None when it is not there yet."""
        with self.lock:
            if not self.filled[number]:
                return None
        first = int(self.end[number] - self.samples[number])
        return self.wave[first + start : first + min(start + count, int(self.length[number]))] / FULL_SCALE

    def put(self, number: int, wave_L: np.ndarray) -> None:
        """Keep an utterance, rounded to 16 bits."""
        rounded = np.clip(np.rint(wave_L * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        start = int(self.end[number] - self.samples[number])
        self.wave[start : start + len(rounded)] = rounded
        self.length[number] = len(rounded)
        with self.lock:
            self.filled[number] = 1

    def __getstate__(self) -> dict:
        return {"samples": self.samples}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["samples"])
