"""Word times of Switchboard with dialog acts: a file of each side, rows of seven values without a header.

    sw2001A-word-da.csv, and ...B...
    sw2001A-ms98-a-0002,1.215250,1.724625,hi,B,fp,u-1-1     utterance, start s, end s, token, tag, act, unit

The tag is B where an act begins, I inside and O where there is none. Acts may hold commas (``qy^d,sd``), so that a row
has more values.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ...core import require
from ...core.files import read_lines
from .dialogue import Dialogue
from .ms98 import JOIN_S, Word, dialogue_of_words

SIDE_FILE = re.compile(r"(?P<before>.*sw0?(?P<session>\d+))(?P<side>[AB])(?P<after>-word-da\.csv)")
TAGS = ("B", "I", "O")


class ActWord(NamedTuple):
    """A row."""

    word: Word
    tag: str  # B, I or O
    act: str  # such as sd, b, qy; empty where there is none
    unit: str  # such as u-1-1


def read_act_words(path: str | Path) -> list[ActWord]:
    """The rows of a file. Raises SonantError naming a line that is none."""
    rows = []
    for number, line in enumerate(read_lines(path, "the word file"), start=1):
        if not line.strip():
            continue
        fields = line.strip().split(",")
        try:
            word = Word(fields[0], float(fields[1]), float(fields[2]), fields[3])
            row = ActWord(word, fields[4], ",".join(fields[5:-1]), fields[-1]) if len(fields) >= 7 else None
        except (IndexError, ValueError):
            row = None
        good = row is not None and 0 <= row.word.onset <= row.word.offset and row.tag in TAGS
        require(good, f"'{path}' line {number} is no row of 'utterance,start,end,word,B|I|O,act,unit': '{line[:60]}'")
        rows.append(row)
    return rows


def read_act_sides(path: str | Path, *, join_s: float = JOIN_S) -> Dialogue:
    """The dialogue of a file of one side and its sibling of the other.

    Raises:
        SonantError: the name is not like ``sw2001A-word-da.csv``, or the other side is not there.
    """
    match = SIDE_FILE.fullmatch(str(path))
    require(match, f"'{path}' is not named like sw2001A-word-da.csv")
    sides = [Path(f"{match['before']}{side}{match['after']}") for side in "AB"]
    missing = [side.name for side in sides if not side.is_file()]
    require(not missing, f"'{path}' has no other side: there is no {missing[:1]} beside it")
    words = [[row.word for row in read_act_words(side)] for side in sides]
    return dialogue_of_words(match["session"], words, join_s=join_s)
