"""Kaldi's text files: one entry a line, ``key value``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..core import require
from ..core.files import read_lines, write_text
from .manifest import RECORDINGS, Manifest

ROUNDING_S = 0.001  # an utterance that ends so near to the end of its recording is all of it


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


def write_kaldi(manifest: Manifest, folder: str | Path) -> None:
    """Write a manifest as a Kaldi data folder: sorted by key in byte order, with absolute paths.

    ``wav.scp`` always; ``segments`` where utterances are parts of recordings; ``utt2spk`` (an utterance without speaker
    is its own, as Kaldi has it), ``spk2utt``, and ``text`` and ``spk2gender`` where they are known.

    Raises:
        SonantError: an utterance that is a channel of a file with several, which only a command could cut out; ids,
            recordings or paths with spaces.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lasting = _durations(manifest)
    whole = True
    files, segments, speakers, texts, genders = {}, {}, {}, {}, {}
    for u in manifest:
        recording = u.recording or u.id
        require(not {*" \t"} & {*u.id, *recording}, f"the id '{u.id}' holds a space, which Kaldi's files cannot")
        require(u.channel == 0, f"'{u.id}' is channel {u.channel} of a file with several, which wav.scp cannot name")
        files[recording] = str(Path(u.path).absolute())
        whole &= u.id == recording and u.start == 0 and abs(u.duration - lasting[recording]) < ROUNDING_S
        segments[u.id] = f"{recording} {u.start:.6f} {u.start + u.duration:.6f}"
        speakers[u.id] = u.speaker or u.id
        texts |= {u.id: u.text} if u.text else {}
        genders |= {u.speaker: u.gender[0].lower()} if u.speaker and u.gender else {}
    spoken: dict[str, list[str]] = {}
    for id in _sorted(speakers):
        spoken.setdefault(speakers[id], []).append(id)
    _write_entries(folder / "wav.scp", files)
    _write_entries(folder / "segments", {} if whole else segments)
    _write_entries(folder / "utt2spk", speakers)
    _write_entries(folder / "spk2utt", {speaker: " ".join(ids) for speaker, ids in spoken.items()})
    _write_entries(folder / "text", texts)
    _write_entries(folder / "spk2gender", genders)


def _durations(manifest: Manifest) -> dict[str, float]:
    """recording -> seconds."""
    rows = map(json.loads, read_lines(manifest.folder / RECORDINGS))
    return {row["id"]: row["duration"] for row in rows}


def _write_entries(path: Path, entries: dict[str, str]) -> None:
    """Write a file, or remove an older one where there is nothing to write."""
    if entries:
        write_text(path, "".join(f"{key} {entries[key]}\n" for key in _sorted(entries)))
    else:
        path.unlink(missing_ok=True)


def _sorted(keys: Iterable[str]) -> list[str]:
    """In the order of ``LC_ALL=C sort``."""
    return sorted(keys, key=str.encode)


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
