"""Word timings of Switchboard: the ICSI/ISIP transcriptions ms98, and what of them is speech.

    swb_ms98_transcriptions/20/2001/sw2001A-ms98-a-word.text, and ...B...     the release
    sw2001A-ms98-a-0002 1.215250 1.724625 hi                                  a row: utterance, start s, end s, token
    {"id": "2009", "A": {"seg": [...], "start": [...], "end": [...], "tok": [...]}, "B": {...}}   a line, at 8 kHz

Noise and laughter are silence, laughed words are speech. Words of one utterance with less than ``join_s`` of silence
between them are one stretch; words of two utterances never are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ...core import SonantError, require, seconds_of
from ...core.files import read_lines
from ..activity import Stretch, joined
from .dialogue import Dialogue, dialogue_of

RATE = 8000  # Hz, of whole-number times
JOIN_S = 0.05  # s; later models have 0.1
SILENT = frozenset({"", "[silence]", "[noise]", "[vocalized-noise]"})
SIDE_FILE = re.compile(r"(?P<before>.*sw0?(?P<session>\d+))(?P<side>[AB])(?P<after>-ms98-a-word\.text)")

# In this order; what is no token of its own is taken out of it.
CLEANING = (
    (re.compile(r"\[(?:noise|vocalized-noise|laughter)\]"), ""),
    (re.compile(r"\[laughter-([^\]]*)\]"), r"\1"),  # a laughed word
    (re.compile(r"(?<=\w)\[([^\]/]*)\]|\[([^\]/]*)\](?=-?[\w'])"), r"\1\2"),  # w[ent], -[th]at
)


class Word(NamedTuple):
    """A row of a word file."""

    utterance: str | int
    onset: float  # s
    offset: float  # s
    token: str


def clean_token(token: str) -> str:
    """What a token says; '' where it is no speech.

    ``[laughter-yeah]`` yeah, ``w[ent]-`` went, ``-[th]at`` that, ``i-`` i, ``them_1`` them, ``[splace/space]`` space,
    ``{nonce}`` nonce. Marks of an aside, ``<b_aside>``, stay and count as speech, as in the original.
    """
    for pattern, said in CLEANING:
        token = pattern.sub(said, token)
    token = token.strip()
    if token in SILENT:
        return ""
    token = re.sub(r"_\d+$", "", token.removesuffix("-").removeprefix("-"))
    token = re.sub(r"\[[^\]/]*/([^\]]*)\]", r"\1", token)
    return re.sub(r"\s+", " ", re.sub(r"[{}]", "", token)).strip()


def stretches_of_words(words: Iterable[Word], *, join_s: float = JOIN_S) -> list[Stretch]:
    """The speech of one channel: its words, joined inside utterances."""
    spoken = (word for word in words if clean_token(word.token))
    found: list[Stretch] = []
    for _, utterance in groupby(spoken, key=lambda word: word.utterance):
        found += joined([(word.onset, word.offset) for word in utterance], join_s)
    return found


def read_word_file(path: str | Path) -> list[Word]:
    """The rows of a ``-word.text`` file. Raises SonantError naming a line that is no row."""
    words = []
    for number, line in enumerate(read_lines(path, "the word file"), start=1):
        fields = line.split(maxsplit=3)
        if not fields:
            continue
        try:
            word = Word(fields[0], float(fields[1]), float(fields[2]), fields[3].strip())
        except (IndexError, ValueError):
            word = None
        good = word is not None and 0 <= word.onset <= word.offset
        require(good, f"'{path}' line {number} does not read 'utterance start end token': '{line.strip()[:60]}'")
        words.append(word)
    return words


def read_sides(path: str | Path, *, join_s: float = JOIN_S) -> Dialogue:
    """The dialogue of a word file of one side and its sibling of the other.

    Raises:
        SonantError: the name is not like ``sw2001A-ms98-a-word.text``, or the other side is not there.
    """
    match = SIDE_FILE.fullmatch(str(path))
    require(match, f"'{path}' is not named like sw2001A-ms98-a-word.text")
    sides = [Path(f"{match['before']}{side}{match['after']}") for side in "AB"]
    missing = [side.name for side in sides if not side.is_file()]
    require(not missing, f"'{path}' has no other side: there is no {missing[:1]} beside it")
    return dialogue_of_words(match["session"], [read_word_file(side) for side in sides], join_s=join_s)


def dialogue_of_words(
    session: str, sides: Iterable[list[Word]], *, duration: float | None = None, join_s: float = JOIN_S
) -> Dialogue:
    """A dialogue of the rows of two sides; without a duration it ends with the last row, silence or not."""
    sides = list(sides)
    last = max((word.offset for side in sides for word in side), default=0.0)
    activity = [stretches_of_words(side, join_s=join_s) for side in sides]
    return dialogue_of(session, activity, last if duration is None else duration)


def dialogue_of_line(raw: dict, *, join_s: float = JOIN_S) -> Dialogue:
    """The dialogue of a line of JSON with the keys ``id``, ``A`` and ``B``; times are samples at 8 kHz."""
    sides = [list(_rows(raw[side])) for side in "AB"]
    duration = seconds_of(raw["duration"], RATE) if raw.get("duration") is not None else None
    return dialogue_of_words(str(raw["id"]), sides, duration=duration, join_s=join_s)


def _rows(side: dict) -> Iterator[Word]:
    tokens = side["tok"]
    numbers = side.get("seg", [0] * len(tokens))
    for utterance, start, end, token in zip(numbers, side["start"], side["end"], tokens, strict=True):
        if not 0 <= start <= end:
            raise SonantError(f"the token '{token}' reaches from {start} to {end}")
        yield Word(utterance, seconds_of(start, RATE), seconds_of(end, RATE), token)
