"""The flat table of a manifest: one memory-mapped column per quantity, so that a million rows cost nothing to open.

Layout of the folder: ``<column>.npy`` for numbers, ``<name>.bin`` with ``<name>_end.npy`` for texts (all texts one
after another and where each ends), ``table.json`` with names and with the state of the JSONL files it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from array import array
from pathlib import Path

import numpy as np

from ..core.files import write_json

FORMAT = 1
# column -> (type code while growing, dtype on disk)
COLUMNS = {
    "start": ("d", "<f8"),  # s, of the utterance in its recording
    "duration": ("d", "<f8"),  # s
    "num_samples": ("q", "<i8"),  # samples of the utterance at the recording's own rate
    "sample_rate": ("i", "<i4"),  # Hz
    "channel": ("h", "<i2"),  # from 0; -1: all channels
    "speaker": ("i", "<i4"),  # index into ``speakers``; -1: unknown
    "language": ("h", "<i2"),  # index into ``languages``; -1: unknown
    "path": ("q", "<i8"),  # index into ``paths``
    "line": ("q", "<i8"),  # byte offset of the utterance's line in supervisions.jsonl; -1: none
}
TEXTS = ("ids", "paths")


class Table:
    """Columns of a manifest, read where they are touched.

    Attributes: one NumPy memory map per name in ``COLUMNS``; ``ids`` and ``paths`` (lists of texts on disk);
    ``speakers`` and ``languages`` (names, by index).
    """

    start: np.ndarray
    duration: np.ndarray
    num_samples: np.ndarray
    sample_rate: np.ndarray
    channel: np.ndarray
    speaker: np.ndarray
    language: np.ndarray
    path: np.ndarray
    line: np.ndarray
    ids: Texts
    paths: Texts

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._open()

    def _open(self) -> None:
        described = json.loads((self.folder / "table.json").read_text())
        self.speakers: list[str] = described["speakers"]
        self.languages: list[str] = described["languages"]
        for name in COLUMNS:
            setattr(self, name, _mapped(self.folder / f"{name}.npy"))
        for name in TEXTS:
            setattr(self, name, Texts(self.folder, name))

    def __len__(self) -> int:
        return len(self.start)

    def __getstate__(self) -> dict:
        return {"folder": self.folder}  # worker processes map the files themselves

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["folder"])


class Texts:
    """A list of texts in a file."""

    def __init__(self, folder: Path, name: str):
        self.end = _mapped(folder / f"{name}_end.npy")
        path = folder / f"{name}.bin"
        self.bytes = np.memmap(path, mode="r", dtype=np.uint8) if path.stat().st_size else np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self.end)

    def __getitem__(self, index: int) -> str:
        start = int(self.end[index - 1]) if index else 0
        return self.bytes[start : int(self.end[index])].tobytes().decode()


def _mapped(path: Path) -> np.ndarray:
    column = np.load(path, mmap_mode="r", allow_pickle=False)
    return column if len(column) else np.zeros(0, column.dtype)


class TableWriter:
    """Grows a table row by row beside its final place; ``finish`` puts it there whole."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.partial = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}."))
        os.chmod(self.partial, 0o755)
        self.columns = {name: array(code) for name, (code, _) in COLUMNS.items()}
        self.ends = {name: array("q") for name in TEXTS}
        self.files = {name: (self.partial / f"{name}.bin").open("wb") for name in TEXTS}
        self.speakers: dict[str, int] = {}
        self.languages: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.columns["start"])

    def add_path(self, path: str) -> int:
        """Note the path of a recording and return its number."""
        return self._text("paths", path)

    def add(self, *, id: str, speaker: str | None, language: str | None, **numbers) -> None:
        """Append a row; ``numbers`` holds the remaining columns."""
        self._text("ids", id)
        numbers["speaker"] = _number(self.speakers, speaker)
        numbers["language"] = _number(self.languages, language)
        for name, column in self.columns.items():
            column.append(numbers[name])

    def finish(self, sources: list[Path]) -> Table:
        """Write what is left and move the table into place; ``sources`` are the files that it mirrors."""
        for file in self.files.values():
            file.close()
        for name, (_, dtype) in COLUMNS.items():
            np.save(self.partial / f"{name}.npy", np.array(self.columns[name], dtype=dtype))
        for name in TEXTS:
            np.save(self.partial / f"{name}_end.npy", np.array(self.ends[name], dtype="<i8"))
        write_json(
            self.partial / "table.json",
            {
                "format": FORMAT,
                "sources": {path.name: _state(path, digest=True) for path in sources},
                "speakers": list(self.speakers),
                "languages": list(self.languages),
            },
        )
        shutil.rmtree(self.folder, ignore_errors=True)
        os.replace(self.partial, self.folder)
        return Table(self.folder)

    def discard(self) -> None:
        """Remove what was written."""
        for file in self.files.values():
            file.close()
        shutil.rmtree(self.partial, ignore_errors=True)

    def _text(self, name: str, text: str) -> int:
        ends = self.ends[name]
        ends.append((ends[-1] if ends else 0) + self.files[name].write(text.encode()))
        return len(ends) - 1


def _number(names: dict[str, int], name: str | None) -> int:
    return -1 if name is None else names.setdefault(name, len(names))


def is_fresh(folder: Path, sources: list[Path]) -> bool:
    """Whether a table lies in ``folder`` and mirrors ``sources`` as they are now.

    Size and time of change settle it; a file of the same size with another time is compared by its content.
    """
    try:
        described = json.loads((folder / "table.json").read_text())
        known = described["sources"]
        if described["format"] != FORMAT or set(known) != {path.name for path in sources}:
            return False
        for path in sources:
            state = _state(path, digest=False)
            if state["size"] != known[path.name]["size"]:
                return False
            if state["changed"] != known[path.name]["changed"] and _digest(path) != known[path.name]["digest"]:
                return False
        return all((folder / f"{name}.npy").is_file() for name in COLUMNS)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _state(path: Path, *, digest: bool) -> dict:
    stat = path.stat()
    state = {"size": stat.st_size, "changed": stat.st_mtime_ns}
    return {**state, "digest": _digest(path)} if digest else state


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
