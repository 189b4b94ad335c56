"""Phrases in pairs: a short one, and a long one that begins with the same words and goes on.

"Are you a student?" could end where "Are you a student here at this university?" does not (Ekstedt and Skantze 2022,
arXiv:2209.05161, Sec. 3). Files are called ``{phrase}_{short|long}_{gender}_{voice}``, audio and TextGrid alike, in one
folder or in several below it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core import require
from ..core.errors import nearest
from .audio import find_audio
from .textgrid import Segment, read_textgrid

NAME = re.compile(r"(?P<topic>.+)_(?P<length>short|long)_(?P<sex>[^_]+)_(?P<voice>.+)")
QUIET = {"", "sil", "sp"}
# The word with which the short phrase is complete; its first occurrence is meant.
COMPLETION = {
    "student": "student",
    "psychology": "psychology",
    "first_year": "student",
    "basketball": "basketball",
    "experiment": "before",
    "live": "yourself",
    "work": "side",
    "bike": "bike",
    "drive": "here",
}


@dataclass(frozen=True)
class Phrase:
    """One recording of a phrase.

    Attributes:
        name: of its files.
        topic: which pair of phrases, such as ``student``.
        long: whether it goes on where the short one ends.
        sex, voice: who says it.
        path: of the audio.
        words, phones: (label, onset, offset) in seconds, without pauses; no phones where there is no such tier.
        scp: short completion point, the end of the word that completes the short phrase, in seconds.
    """

    name: str
    topic: str
    long: bool
    sex: str
    voice: str
    path: Path
    words: list[Segment]
    phones: list[Segment]
    scp: float

    @property
    def eot(self) -> float:
        """The end of the turn: of the last word, in seconds."""
        return self.words[-1][2]


def read_phrases(folder: str | Path, *, completion: Mapping[str, str] | None = None) -> list[Phrase]:
    """All phrases of a folder, by name.

    Args:
        completion: the word that completes the short phrase, by topic; it goes before ``COMPLETION``.

    Raises:
        SonantError: no phrases there, one without an alignment, or whose completion word is not known or not said.
    """
    folder, words = Path(folder), {**COMPLETION, **(completion or {})}
    require(folder.is_dir(), f"there is no folder '{folder}'; give the one with the phrases and their TextGrids")
    grids = {path.stem: path for path in sorted(folder.rglob("*.TextGrid"))}
    audio = {path.stem: path for path in find_audio(folder) if NAME.fullmatch(path.stem)}
    require(
        audio,
        f"'{folder}' holds no phrases; their files are called TOPIC_short_SEX_VOICE and TOPIC_long_SEX_VOICE, such as "
        "student_short_female_en-US-Wavenet-C.wav",
    )
    return [_phrase(name, path, grids, words) for name, path in sorted(audio.items())]


def _phrase(name: str, path: Path, grids: Mapping[str, Path], completion: Mapping[str, str]) -> Phrase:
    require(name in grids, f"'{path}' has no alignment: there is no {name}.TextGrid in the folder")
    tiers, parts = read_textgrid(grids[name]), NAME.fullmatch(name).groupdict()
    words = _spoken(tiers.get("words", []))
    require(words, f"'{grids[name]}' has no words in a tier 'words' (tiers: {', '.join(tiers) or 'none'})")
    topic = parts["topic"]
    require(
        topic in completion,
        f"with which word is the short phrase '{topic}' complete?{nearest(topic, completion)} Give --completion "
        f"{topic}=WORD",
    )
    ends = [offset for label, _, offset in words if label.lower() == completion[topic].lower()]
    said = " ".join(label for label, _, _ in words)
    require(ends, f"'{grids[name]}': the word '{completion[topic]}', which completes the phrase, is not in '{said}'")
    phones = _spoken(tiers.get("phones", []))
    known = {"sex": parts["sex"], "voice": parts["voice"], "words": words, "phones": phones, "scp": ends[0]}
    return Phrase(name=name, topic=topic, long=parts["length"] == "long", path=path, **known)


def _spoken(segments: list[Segment]) -> list[Segment]:
    return sorted((s for s in segments if s[0].strip().lower() not in QUIET), key=lambda segment: segment[1])
