"""Pairs of segments found by unsupervised term discovery, and what is done to them before they train anything.

Three formats of a line, frames at 100 Hz unless said otherwise:

    9 fields  cluster utterance speaker start end utterance speaker start end    last frame included
    7 fields  cluster utterance start end utterance start end                    cut to speech already
    6 fields  utterance start end utterance start end                            seconds; no clusters
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..core import SonantError, require, seconds_of
from .alignments import Region, read_rows
from .keys import FRAME_RATE, Corpus, archive_name, frame_of, speaker_of
from .manifest import Manifest
from .pairs import NO_LABEL, Pair, digest_of_pairs

FORMATS = {9: "cluster, twice utterance speaker start end", 7: "cluster, twice utterance start end", 6: "no cluster"}
Format = Literal["auto", "9", "7", "6"]


@dataclass(frozen=True)
class Term:
    """A discovered segment: frames of a recording at 100 Hz."""

    recording: str
    start: int
    end: int
    speaker: str | None = None


@dataclass(frozen=True)
class TermPair:
    """Two segments that discovery takes for the same word; ``cluster`` is ``?`` where it gives none."""

    a: Term
    b: Term
    cluster: str = NO_LABEL
    inclusive: bool = False  # whether the segments' last frames belong to them

    @property
    def overlaps(self) -> bool:
        """Whether both are of one recording and share a frame."""
        a, b, last = self.a, self.b, int(self.inclusive)
        return a.recording == b.recording and a.start < b.end + last and b.start < a.end + last


@dataclass(frozen=True)
class Stretch:
    """A stretch of speech of a recording: frames ``start`` to ``end`` at 100 Hz, and what names it.

    ``origin`` is where the utterance begins in the recording, in seconds.
    """

    start: int
    end: int
    utterance: str
    origin: float = 0.0


Speech = Mapping[str, Sequence[Stretch]]  # by recording


def read_discovered(path: str | Path, *, format: Format = "auto", corpus: Corpus = "none") -> list[TermPair]:
    """Read a list of discovered pairs.

    Args:
        path: one pair a line, fields parted by spaces.
        format: number of fields; ``auto``: told by each line.
        corpus: whose names the recordings have; they are spelled as in archives, and where the list has no speakers
            their names tell them.

    Raises:
        SonantError: a line of another format, or a segment that is empty or backwards.
    """
    found = []
    for where, fields in read_rows(path):
        wanted = list(FORMATS) if format == "auto" else [int(format)]
        require(len(fields) in wanted, f"{where} has {len(fields)} fields, expected {' or '.join(map(str, wanted))}")
        found.append(_pair(fields, where, corpus))
    require(found, f"'{path}' holds no pair")
    return found


def _pair(fields: list[str], where: str, corpus: Corpus) -> TermPair:
    seconds = len(fields) == 6
    cluster, rest = (NO_LABEL, fields) if seconds else (fields[0], fields[1:])
    half = len(rest) // 2
    sides = []
    for name, *middle, start, end in (rest[:half], rest[half:]):
        try:
            first, last = (math.floor(100 * float(time)) if seconds else int(time) for time in (start, end))
        except ValueError:
            kind = "seconds" if seconds else "whole frames"
            raise SonantError(f"{where}: '{start}' and '{end}' are no times in {kind}") from None
        require(0 <= first < last, f"{where}: a segment of '{name}' from frame {first} to {last}")
        speaker = speaker_of(name, corpus) or (middle[0] if middle else None)
        sides.append(Term(archive_name(name, corpus), first, last, speaker))
    return TermPair(*sides, cluster, inclusive=len(fields) != 7)


def speech_of_regions(regions: Mapping[str, Iterable[Region]], corpus: Corpus = "none") -> dict[str, list[Stretch]]:
    """Stretches of speech from ``alignments.read_speech``; segments keep the names and times of the recordings."""
    named = ((archive_name(recording, corpus), found) for recording, found in regions.items())
    return {name: [Stretch(frame_of(start), frame_of(end), name) for start, end in found] for name, found in named}


def speech_of_manifest(manifest: Manifest) -> dict[str, list[Stretch]]:
    """The utterances of a manifest as stretches of their recordings: segments get the utterances' names and times."""
    found: dict[str, list[Stretch]] = {}
    for u in manifest:
        stretch = Stretch(frame_of(u.start), frame_of(u.start + u.duration), u.id, u.start)
        found.setdefault(u.recording or u.id, []).append(stretch)
    return found


def keep_discovered(
    pairs: Iterable[TermPair],
    *,
    speech: Speech | None = None,
    speakers: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
) -> tuple[list[Pair], dict[str, int]]:
    """Pairs that are fit for training, and how many were left out for which reason.

    Each segment is cut to the stretch of speech that it shares most frames with. Left out are pairs with a side in an
    excluded recording or of another speaker, pairs whose sides overlap, and pairs with a side outside all speech.

    Args:
        speech: stretches by recording; None: segments stay as they are.
        speakers: keep pairs of these speakers alone.
        exclude: recordings to leave out; the recipes for Buckeye leave out s0103a, which has no alignment.
    """
    allowed, excluded = None if speakers is None else set(speakers), set(exclude)
    counts = {"read": 0, "in excluded recordings": 0, "of other speakers": 0, "overlapping": 0, "without speech": 0}
    kept, of_different = [], 0
    for pair in pairs:
        counts["read"] += 1
        sides = (pair.a, pair.b)
        if any(term.recording in excluded for term in sides):
            counts["in excluded recordings"] += 1
        elif allowed is not None and any(term.speaker not in allowed for term in sides):
            counts["of other speakers"] += 1
        elif pair.overlaps:
            counts["overlapping"] += 1
        else:
            spans = [_span(term, speech) for term in sides]
            if None in spans:
                counts["without speech"] += 1
                continue
            kept.append(Pair(*spans[0], *spans[1], pair.cluster))
            of_different += None not in (pair.a.speaker, pair.b.speaker) and pair.a.speaker != pair.b.speaker
    return kept, {**counts, **digest_of_pairs(kept), "of different speakers": of_different}


def _span(term: Term, speech: Speech | None) -> tuple[str, float, float] | None:
    """(utterance, start, end) in seconds of what is speech in a term."""
    if speech is None:
        return term.recording, seconds_of(term.start, FRAME_RATE), seconds_of(term.end, FRAME_RATE)
    best = max(speech.get(term.recording, ()), key=lambda stretch: _shared(term, stretch), default=None)
    if best is None or _shared(term, best) <= 0:
        return None
    inside = replace(term, start=max(term.start, best.start), end=min(term.end, best.end))
    times = (max(seconds_of(frame, FRAME_RATE) - best.origin, 0.0) for frame in (inside.start, inside.end))
    return best.utterance, *times


def _shared(term: Term, stretch: Stretch) -> int:
    return min(term.end, stretch.end) - max(term.start, stretch.start)
