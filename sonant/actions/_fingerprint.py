"""What a file or folder is like, in a few numbers: to tell later whether it is still the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.config import read_config

SMALL = 1 << 20  # bytes up to which the content of a file counts; beyond it size and time of change do

Print = dict[str, Any]


def fingerprint(path: str | Path, *, until: int | None = None, without: str | Path | None = None) -> Print | None:
    """The fingerprint of a file or folder; None where there is none, or an empty folder.

    A small file is told by its content, a larger one by size and time of change, a folder by names, sizes and times
    of all files in it. Hidden files do not count.

    Args:
        until: of a folder, count only files changed at or before this time (ns since the epoch).
        without: a folder whose files do not count, wherever it lies.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _of_folder(path, until, without)
        facts = path.stat()
        if facts.st_size > SMALL:
            return {"bytes": facts.st_size, "changed": facts.st_mtime_ns}
        return {"bytes": facts.st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    except FileNotFoundError:
        return None


def of_config(name: str) -> Print:
    """The fingerprint of a configuration by name or file, of what it extends too."""
    text = json.dumps(read_config(name), sort_keys=True, default=str)
    return {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def still(path: str | Path, known: Print) -> Print | None:
    """``known`` when what it tells of is still there as it was, else the present fingerprint.

    Files that were added to a folder later do not matter: a score beside a model does not make it another model.
    """
    newest = known.get("newest")
    if newest is not None and fingerprint(path, until=newest) == known:
        return known
    return fingerprint(path)


def difference(before: Print | None, now: Print | None) -> str:
    """What a person is told about two fingerprints that differ: ``missing``, ``changed (2 files, now 3)``."""
    if now is None:
        return "missing"
    if before is None or before.get("files") == now.get("files"):
        return "changed"
    return f"changed ({before.get('files', 1)} files, now {now.get('files', 1)})"


def _of_folder(path: Path, until: int | None, without: str | Path | None) -> Print | None:
    digest, files, size, newest = hashlib.sha256(), 0, 0, 0
    left_out = frozenset([_identity(without)] if without is not None and os.path.exists(without) else [])
    for name, facts in _files(path, "", left_out):
        if until is not None and facts.st_mtime_ns > until:
            continue
        digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        files, size, newest = files + 1, size + facts.st_size, max(newest, facts.st_mtime_ns)
    if not files:
        return None
    return {"files": files, "bytes": size, "newest": newest, "digest": digest.hexdigest()}


def _identity(path: str | Path) -> tuple[int, int]:
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino


def _files(path: Path | str, prefix: str, above: frozenset) -> Iterator[tuple[str, os.stat_result]]:
    """Name and facts of every visible file beneath a folder, in a fixed order; links are followed, never in circles."""
    if _identity(path) in above:
        return
    above |= {_identity(path)}
    with os.scandir(path) as entries:
        found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir():
            yield from _files(entry.path, f"{prefix}{entry.name}/", above)
        elif entry.is_file():
            yield prefix + entry.name, entry.stat()
