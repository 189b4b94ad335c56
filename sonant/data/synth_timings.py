"""Who says what when: word timings of two-channel conversations, read from JSON lines.

The simple format, one conversation a line (plain or .gz), times in seconds, tokens of a channel in order:

    {"id": "call1", "duration": 60.0,
     "channels": [[["hello", 0.52, 0.91], ["[laughter]", 2.0, 2.6]], [["hi", 1.2, 1.4]]]}     (in one line)

``duration`` may be left out. Tokens in square brackets are no words: ``[noise]``, ``[laughter]``, ``[silence]``.
The release of Switchboard's ms98 transcriptions with the keys ``A`` and ``B`` (``start``, ``end`` in samples at 8 kHz,
``tok``, and dialogue acts ``da`` for some) is read as well.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core import SonantError, require, seconds_of

MS98_RATE = 8000  # Hz of its integer times
QUIET = frozenset({"[silence]", ""})
PAUSE_S = 0.2  # silence that ends an inter-pausal unit


@dataclass(frozen=True)
class Token:
    """A word or a sound."""

    text: str  # what is said; '' for a sound that is no word
    onset: float  # s
    offset: float  # s
    question: bool = False  # belongs to a question


@dataclass(frozen=True)
class Conversation:
    """Both sides of a conversation; silence is left out."""

    id: str
    duration: float  # s
    channels: tuple[tuple[Token, ...], tuple[Token, ...]]


@dataclass(frozen=True)
class Unit:
    """An inter-pausal unit: words of one side with less than ``PAUSE_S`` of silence between them."""

    words: tuple[str, ...]
    onset: float  # s
    offset: float  # s
    question: bool


def read_timings(path: str | Path) -> Iterator[Conversation]:
    """Conversations of a timings file, in its order, one at a time.

    Raises:
        SonantError: no such file, or a line that does not follow the format; it names the line.
    """
    path = Path(path)
    require(path.is_file(), f"no timings file {path}; give JSON lines, plain or .gz")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        try:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield _conversation(line, f"line {number} of {path}")
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise SonantError(f"cannot read {path}: {error}") from None


def _conversation(line: str, where: str) -> Conversation:
    try:
        raw = json.loads(line)
        sides = [_ms98(raw[side]) for side in "AB"] if "A" in raw else raw["channels"]
        channels = tuple(tuple(_tokens(side)) for side in sides)
        last = max((token.offset for side in channels for token in side), default=0.0)
        given = raw.get("duration")
        duration = last if given is None else seconds_of(given, MS98_RATE) if "A" in raw else float(given)
        identity = str(raw["id"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SonantError(
            f"{where} is no conversation ({type(error).__name__}: {error}); expected "
            '{"id": ..., "channels": [[[word, onset_s, offset_s], ...], [...]]}'
        ) from None
    require(len(channels) == 2, f"{where} has {len(channels)} channels; dialogues need 2")
    require(last <= duration, f"{where}: a token ends at {last:g} s, after the duration of {duration:g} s")
    for side in channels:
        ordered = all(a.offset <= b.onset + 1e-6 for a, b in zip(side, side[1:], strict=False))
        require(
            ordered and all(0 <= token.onset <= token.offset for token in side),
            f"{where}: the tokens of a channel must follow each other without overlap",
        )
    return Conversation(identity, duration, (channels[0], channels[1]))


def _ms98(side: dict) -> Iterator[tuple[str, float, float, bool]]:
    acts = side.get("da") or [""] * len(side["tok"])
    for token, start, end, act in zip(side["tok"], side["start"], side["end"], acts, strict=True):
        yield token, seconds_of(start, MS98_RATE), seconds_of(end, MS98_RATE), act.startswith("q")


def _tokens(side: Iterable) -> Iterator[Token]:
    for text, onset, offset, *question in side:
        if text not in QUIET and not text.startswith("<"):
            yield Token(spoken(text), float(onset), float(offset), bool(question and question[0]))


def spoken(token: str) -> str:
    """What is said for a token of a transcript; '' for sounds.

    ``[laughter-yeah]`` yeah, ``[porce/force]`` porce, ``{nonce}`` nonce, ``them_1`` them. Of broken words the part
    that was said, when it has a vowel: ``tomo[rrow]-`` tomo; else nothing but a hesitation: ``th[at]-`` uh.
    """
    if match := re.fullmatch(r"\[laughter-(.+)\]", token):
        return spoken(match[1])
    if match := re.fullmatch(r"\[([^/\]]+)/[^\]]*\]", token):
        return spoken(match[1])
    if re.fullmatch(r"\[[^\]]*\]", token):
        return ""
    word = re.sub(r"_\d+$", "", token.strip("{}"))
    broken = "[" in word or word.endswith("-") or word.startswith("-")
    word = re.sub(r"\[[^\]]*\]?", "", word).strip("-")
    if broken and not re.search("[aeiouy]", word.lower()):
        return "uh"
    return word


def units_of(tokens: Iterable[Token]) -> list[Unit]:
    """Inter-pausal units of one side; sounds belong to none and part units as silence does."""
    groups: list[list[Token]] = []
    for token in (token for token in tokens if token.text and token.offset > token.onset):
        if groups and token.onset - groups[-1][-1].offset < PAUSE_S:
            groups[-1].append(token)
        else:
            groups.append([token])
    return [Unit(tuple(t.text for t in g), g[0].onset, g[-1].offset, g[-1].question) for g in groups]
