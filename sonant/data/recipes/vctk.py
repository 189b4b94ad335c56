"""VCTK (Veaux, Yamagishi and MacDonald, 2017): 109 or 110 speakers of English, about 400 sentences each, 44 hours.

Version 0.80: ``wav48/p225/p225_001.wav``. Version 0.92: ``wav48_silence_trimmed/p225/p225_001_mic1.flac``, two
microphones. Both: ``txt/p225/p225_001.txt`` and ``speaker-info.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...core import require
from ...core.files import read_lines
from ..audio import SUFFIXES, AudioInfo
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, source_folder, write

ABOUT = "VCTK 0.80 or 0.92 (your copy): 110 speakers of English, with texts and sexes"
FOLDERS = ("wav48_silence_trimmed", "wav48", "wav16")  # the first that is there
FETCH = "fetch it from https://datashare.ed.ac.uk/handle/10283/3443 and unpack it"
NAME = re.compile(r"(?P<id>(?P<speaker>[ps]\d+)_\d+)(_(?P<microphone>mic\d))?")


def prepare(
    source: Path | None,
    out: Path,
    *,
    microphone: Literal["mic1", "mic2"] = "mic1",
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of VCTK with ids such as p225_001.

    microphone  of version 0.92; mic2 has less low-frequency noise, and lacks the speakers p280 and p315
    check       decode everything now, which finds truncated files and NaN samples
    strict      stop at the first unusable file instead of skipping it
    """
    root = _root(source_folder(source, "vctk"))
    found = [(path, NAME.fullmatch(path.stem)) for path in _audio(root)]
    files = {path: name for path, name in found if name is not None and name["microphone"] in (None, microphone)}
    require(
        files,
        f"'{root}' holds no recording of {microphone}: expected p225/p225_001.wav or p225/p225_001_{microphone}.flac",
    )
    genders, skipped = _genders(root.parent / "speaker-info.txt"), Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(files, skipped, check=check, total=len(files)):
            if info is None:
                continue
            name = files[path]
            utterance = Utterance(
                id=name["id"],
                path=str(path),
                speaker=name["speaker"],
                language="en",
                text=_text(root.parent / "txt" / name["speaker"] / f"{name['id']}.txt"),
                gender=genders.get(name["speaker"]),
            )
            yield utterance, info

    return write(utterances(), out, name=f"vctk {root.name}", skipped=skipped)


def _root(source: Path) -> Path:
    """The folder of the speakers' folders, in SRC or in the one folder that the archive unpacks into."""
    places = [place / name for place in (source, *sorted(source.iterdir())) for name in FOLDERS]
    root = next((place for place in places if place.is_dir()), None)
    require(root is not None, f"'{source}' holds no {' or '.join(FOLDERS[:2])}, the audio of VCTK; {FETCH}")
    return root


def _audio(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*") if path.suffix.lower() in SUFFIXES)


def _text(path: Path) -> str | None:
    """The sentence; None for the speaker p315, whose texts are lost."""
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split()) or None if path.is_file() else None


def _genders(path: Path) -> dict[str, str]:
    """speaker -> F or M: the third column, after ``p225`` (0.92) or ``225`` (0.80) and the age."""
    rows = [line.split() for line in read_lines(path)] if path.is_file() else []
    known = [row for row in rows if len(row) >= 3 and row[2].upper() in ("F", "M")]
    return {row[0] if row[0][0].isalpha() else f"p{row[0]}": row[2].upper() for row in known}
