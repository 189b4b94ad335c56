"""CHAT transcripts (``.cha``, TalkBank's CallHome): utterances with times in milliseconds between bullets, U+0015.

    @Participants:  A Speaker, B Speaker
    *A:     yeah I know &=laughs . <15>120550_121730<15>        (a tab after the colon)
    *B1:    so he said
            that it was fine . <15>121730_124010<15>            (a tab in front: the utterance goes on)
    %com:   what is said about it

An utterance is as long as its bullets, or as each of several. Events (``&=laughs``), codes in square brackets, pauses
and ``0`` alone are silence; ``xxx``, which nobody understood, is speech.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...core import require
from ...core.files import read_lines
from ..activity import Stretch, joined
from .dialogue import Dialogue, dialogue_of

SPEAKER = re.compile(r"\*(?P<who>[^:\s]+):(?P<words>.*)", re.S)
BULLET = re.compile(r"\x15%?(?:snd:\"[^\"]*\"_)?(\d+)_(\d+)-?\x15")
UNSAID = re.compile(r"&[=*]\S+|\[[^\]]*\]|\(\.+\)|\(\d*[.:]?\d*\)|\b0\w*|\+\S*")


def read_chat(path: str | Path) -> Dialogue:
    """The dialogue of a CHAT file, named as it. Channel 0 has the speakers A, A1 ..., channel 1 B, B1 ...

    With other names channel 0 is the one who speaks first; more than two of those are an error.

    Raises:
        SonantError: no times, more than two speakers, or a bullet that ends before it begins.
    """
    found: dict[str, list[Stretch]] = {}
    last = 0.0
    for who, words in _utterances(path):
        spoken = re.search(r"\w", UNSAID.sub(" ", BULLET.sub(" ", words)))
        for start, end in BULLET.findall(words):
            onset, offset = int(start) / 1000, int(end) / 1000
            require(onset <= offset, f"'{path}': the times {start}_{end} of speaker {who} run backwards")
            last = max(last, offset)
            found.setdefault(who, []).extend([(onset, offset)] if spoken else [])
    require(found, f"'{path}' has no utterance with times, such as '*A:  words . \\x15120550_121730\\x15'")
    return dialogue_of(Path(path).stem, _channels(found, path), last)


def _channels(found: dict[str, list[Stretch]], path: str | Path) -> list[list[Stretch]]:
    if all(re.fullmatch(r"[AB]\d*", who) for who in found):
        sides = [[one for who in found if who[0] == side for one in found[who]] for side in "AB"]
    else:
        names = ", ".join(found)
        require(len(found) <= 2, f"'{path}' has {len(found)} speakers ({names[:80]}); dialogues have two")
        sides = list(found.values())
    return [joined(sorted(side), 0.0) for side in sides]


def _utterances(path: str | Path) -> Iterator[tuple[str, str]]:
    """(speaker, words and bullets) of each main line with those that it goes on in."""
    whole: list[str] = []
    for line in [*read_lines(path, "the CHAT transcript"), "@End"]:
        if line[:1] in ("\t", " "):
            whole.append(line)
            continue
        match = SPEAKER.match("\n".join(whole))
        if match:
            yield match["who"], match["words"]
        whole = [line]
