"""Frames of many utterances in one file on disk, for k-means: written while a model runs, read in shuffled blocks.

``frames.f32`` holds N x D little-endian float32, ``cloud.json`` says how many rows of it count. What an interruption
left behind them is cut off when the writer opens again, so that the file goes on where it was.

Letters: N frames, D channels.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core import SonantError, numpy_generator, require
from ..core.files import write_json
from ..version import __version__

FRAMES, INDEX = "frames.f32", "cloud.json"
STRETCH = 64  # frames side by side that are read together
DTYPE = np.dtype("<f4")


class Cloud:
    """The frames of a folder.

    Attributes:
        facts: what the writer was given.
        rows: N, the frames that are safely there.
        dim: D.
        whole_rows: frames of the first ``items`` items, all of them; the rest belong to items that were cut.
        items: how many items are wholly there or were left out.
        finished: whether no items are left.
        skipped: names of items that gave no frames.
    """

    def __init__(self, folder: str | Path, index: dict[str, Any]):
        self.folder, self.path, self.index = Path(folder), Path(folder) / FRAMES, index
        self.facts, self.rows, self.dim = index["facts"], int(index["rows"]), int(index["dim"])
        self.whole_rows, self.items = int(index["whole_rows"]), int(index["items"])
        self.finished, self.skipped = bool(index["finished"]), list(index["skipped"])

    @classmethod
    def open(cls, folder: str | Path) -> Cloud | None:
        """The frames of a folder, None where there are none yet. Raises SonantError when they are damaged."""
        index = Path(folder) / INDEX
        if not index.is_file():
            return None
        try:
            cloud = cls(folder, json.loads(index.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise SonantError(f"'{index}' does not tell of frames ({error}); delete its folder") from None
        held = cloud.path.stat().st_size if cloud.path.is_file() else 0
        require(
            held >= cloud.rows * cloud.dim * DTYPE.itemsize,
            f"'{cloud.path}' has {held:,} bytes and should hold {cloud.rows:,} x {cloud.dim} float32: it was cut "
            "short; delete its folder, or extract anew with --overwrite-features",
        )
        return cloud

    def read(self, first: int, last: int) -> np.ndarray:
        """(last - first, D) frames side by side."""
        with self.path.open("rb") as stream:
            return self._read(stream, first, np.empty((last - first, self.dim), dtype=DTYPE))

    def sample(self, count: int, *, rows: int, seed: int) -> np.ndarray:
        """(n, D) up to ``count`` different frames of the first ``rows``, drawn one by one."""
        count = min(count, rows)
        chosen = np.sort(numpy_generator(seed, "sample").permutation(rows)[:count])
        found = np.empty((count, self.dim), dtype=DTYPE)
        with self.path.open("rb") as stream:
            for i, row in enumerate(chosen):
                self._read(stream, int(row), found[i : i + 1])
        return found

    def blocks(self, size: int, *, rows: int, seed: int, turn: int, first: int = 0) -> Iterator[np.ndarray]:
        """Pass number ``turn`` over the first ``rows`` frames, in an order that depends on (seed, turn) alone.

        Stretches of ``STRETCH`` frames come in random order; the frames of a block are shuffled.

        Args:
            size: frames of a block at most, which are in memory together.
            first: blocks to leave out at the beginning.

        Yields:
            (n, D) float32.
        """
        stretches = numpy_generator(seed, "stretches", turn).permutation(math.ceil(rows / STRETCH))
        per_block = max(size // STRETCH, 1)
        with self.path.open("rb") as stream:
            for number in range(first, self.count_blocks(size, rows=rows)):
                chosen = np.sort(stretches[number * per_block : (number + 1) * per_block])
                block = np.empty((len(chosen) * STRETCH, self.dim), dtype=DTYPE)
                filled = 0
                for start in (chosen * STRETCH).tolist():
                    count = min(STRETCH, rows - start)
                    self._read(stream, start, block[filled : filled + count])
                    filled += count
                numpy_generator(seed, "block", turn, number).shuffle(block[:filled])
                yield block[:filled]

    @staticmethod
    def count_blocks(size: int, *, rows: int) -> int:
        """Blocks of a pass over ``rows`` frames."""
        return math.ceil(math.ceil(rows / STRETCH) / max(size // STRETCH, 1))

    def _read(self, stream, row: int, into_ND: np.ndarray) -> np.ndarray:
        stream.seek(row * self.dim * DTYPE.itemsize)
        got = stream.readinto(memoryview(into_ND).cast("B"))
        require(got == into_ND.nbytes, f"'{self.path}' ends before frame {row + len(into_ND):,}; extract anew")
        return into_ND


class CloudWriter:
    """Appends frames; what ``commit`` has been called for is safely on disk.

    Args:
        folder: where; frames that are there with the same facts are gone on with, from the first item that is not
            whole (``items``).
        facts: what tells these frames from others.
        dim: D.
    """

    def __init__(self, folder: str | Path, *, facts: dict[str, Any], dim: int):
        self.folder, self.dim, self.facts = Path(folder), dim, facts
        there = Cloud.open(folder)
        require(there is None or there.facts == facts, f"'{folder}' holds other frames")
        self.rows, self.items, self.skipped = 0, 0, []
        if there is not None:
            self.rows, self.items, self.skipped = there.whole_rows, there.items, there.skipped
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stream = (self.folder / FRAMES).open("r+b" if (self.folder / FRAMES).exists() else "w+b")
        if there is not None and there.rows != self.rows:
            self.commit(items=self.items)  # before the file is cut: the index never counts rows that are not there
        self._stream.truncate(self.rows * dim * DTYPE.itemsize)
        self._stream.seek(0, os.SEEK_END)

    def __enter__(self) -> CloudWriter:
        return self

    def __exit__(self, *_) -> None:
        self._stream.close()

    def append(self, x_ND: np.ndarray) -> None:
        """Add frames behind those that are there."""
        self._stream.write(np.ascontiguousarray(x_ND, dtype=DTYPE).tobytes())
        self.rows += len(x_ND)

    def commit(self, *, items: int, whole_rows: int | None = None, finished: bool = False) -> None:
        """Make everything so far safe.

        Args:
            items: how many items are wholly there, or left out.
            whole_rows: the rows of these; None: all rows.
            finished: no items are left.
        """
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.items = items
        index = {
            "facts": self.facts, "dim": self.dim, "rows": self.rows, "items": items, "finished": finished,
            "whole_rows": self.rows if whole_rows is None else whole_rows, "skipped": self.skipped,
            "sonant": __version__,
        }  # fmt: skip
        write_json(self.folder / INDEX, index)


def delete_cloud(folder: str | Path) -> None:
    """Remove the frames of a folder, if there are any."""
    if (Path(folder) / INDEX).is_file() or (Path(folder) / FRAMES).is_file():
        shutil.rmtree(folder)
