"""Kaldi's text files: one entry a line, ``key value``."""

from __future__ import annotations

from pathlib import Path

from ..core import require
from ..core.files import read_lines


def read_entries(path: Path) -> dict[str, str]:
    """key -> rest of the line. Raises SonantError for a key that comes twice."""
    entries: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        key, *value = line.split(maxsplit=1) or [""]
        require(key not in entries, f"{path}, line {number}: the key '{key}' comes twice")
        if key:
            entries[key] = value[0].strip() if value else ""
    return entries


def read_scp(path: Path, *, root: Path | None = None) -> dict[str, Path]:
    """recording -> audio file of a ``wav.scp``.

    Args:
        path: the ``wav.scp``.
        root: folder that relative paths start from; None: the working folder where the file is there, else the
            nearest folder above the ``wav.scp`` from which it is found.

    Raises:
        SonantError: an entry is a command (``... |``): commands from files are never run.
    """
    found: dict[str, Path] = {}
    base: Path | None = None if root is None else Path(root)
    for key, value in read_entries(path).items():
        _refuse_commands(path, key, value)
        audio = Path(value)
        if not audio.is_absolute():
            if base is None:
                base = _base(audio, path)
            audio = base / audio
        found[key] = audio
    require(found, f"'{path}' is empty")
    return found


def _refuse_commands(path: Path, key: str, value: str) -> None:
    require(value, f"{path}: '{key}' has no file")
    require(
        not value.endswith("|") and not value.startswith("|"),
        f"{path}: '{key}' is a command ('{value}'); sonant runs no commands from files. Write the audio to files once "
        "(for example with wav-copy scp:wav.scp, or sph2pipe) and list those",
    )


def _base(audio: Path, scp: Path) -> Path:
    """The folder from which the first relative path of a ``wav.scp`` is found."""
    for folder in (Path(), *scp.absolute().parents):
        if (folder / audio).is_file():
            return folder
    return Path()
