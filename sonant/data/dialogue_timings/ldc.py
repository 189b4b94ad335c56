"""Transcripts of telephone calls whose utterances have times: Fisher and CallHome as the LDC releases them.

    # fe_03_00001.sph                     comments, and empty lines
    3.76 5.54 A: and i generally prefer   start s, end s, side, words
    825.89 828.31 B1: {laugh} well        CallHome: several speakers of one side, their utterances may go on
    in the next line

Whole utterances are stretches, for words have no times. Laughter, noise and comments alone are silence: all in square
or curly brackets. What is unclear, (( )), is speech, with or without words.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...core import SonantError, require
from ..activity import joined
from .dialogue import Dialogue, dialogue_of

ROW = re.compile(r"\s*(?P<on>\d+(?:\.\d+)?)\s+(?P<off>\d+(?:\.\d+)?)\s+(?P<side>[AB])\d*:(?P<words>.*)")
UNSAID = re.compile(r"\[\[.*?\]\]|\[[^\]]*\]|\{[^}]*\}")
LOOKED_AT = 20  # rows in which a transcript shows itself


def is_transcript(path: Path) -> bool:
    """Whether one of the first rows of a text file is an utterance with times."""
    try:
        with path.open(encoding="latin-1") as stream:
            return any(ROW.match(line) for line, _ in zip(stream, range(LOOKED_AT), strict=False))
    except OSError:
        return False


def read_transcript(path: str | Path) -> Dialogue:
    """The dialogue of a transcript, named as its file.

    Raises:
        SonantError: no utterance with times, or one that ends before it begins.
    """
    sides: dict[str, list[tuple[float, float]]] = {"A": [], "B": []}
    rows = _rows(path)
    require(rows, f"'{path}' has no row like '3.76 5.54 A: words'")
    for number, on, off, side, words in rows:
        require(on <= off, f"'{path}' line {number}: the utterance ends at {off:g} s, before it begins at {on:g} s")
        if said(words):
            sides[side].append((on, off))
    last = max(off for _, _, off, _, _ in rows)
    return dialogue_of(Path(path).stem, [joined(sorted(side), 0.0) for side in sides.values()], last)


def said(words: str) -> bool:
    """Whether a transcript holds speech, clear or not."""
    return bool(re.search(r"\w|\(\(", UNSAID.sub(" ", words)))


def _rows(path: str | Path) -> list[tuple[int, float, float, str, str]]:
    """Line, start and end in s, side, words of every utterance."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise SonantError(f"cannot read the transcript '{path}': {error.strerror}") from None
    rows = []
    for number, line in enumerate(text.decode("utf-8", errors="replace").splitlines(), start=1):
        match = ROW.match(line)
        if match:
            rows.append((number, float(match["on"]), float(match["off"]), match["side"], match["words"]))
        elif rows and line.strip() and not line.startswith("#"):
            rows[-1] = (*rows[-1][:4], f"{rows[-1][4]} {line.strip()}")
    return rows
