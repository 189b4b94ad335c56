"""Forced alignments as text: ``utterance start end label`` a line, seconds (``.wrd``, ``.phn``). Where speech is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core import SonantError, require
from ..core.files import read_lines
from .items import SILENCES

Segment = tuple[str, float, float]  # label, onset, offset in seconds
Region = tuple[float, float]  # start and end in seconds

NON_SPEECH = SILENCES | {"spn"}  # lower case
TOUCH_S = 1e-3  # stretches nearer than this follow each other without a pause


def read_alignment(path: str | Path) -> dict[str, list[Segment]]:
    """The segments of every utterance of an alignment, ordered by their onsets; pauses are kept.

    Raises SonantError naming the line that does not read ``utterance start end label``.
    """
    found: dict[str, list[Segment]] = {}
    for where, fields in read_rows(path):
        require(len(fields) == 4, f"{where} has {len(fields)} fields; an alignment has: utterance start end label")
        onset, offset = seconds_in(fields[1:3], where)
        found.setdefault(fields[0], []).append((fields[3], onset, offset))
    require(found, f"the alignment '{path}' is empty")
    for segments in found.values():
        segments.sort(key=lambda segment: segment[1:])
    return found


def read_speech(path: str | Path) -> dict[str, list[Region]]:
    """Where every utterance holds speech, from an alignment of words or from lines ``utterance start end``."""
    found: dict[str, list[Region]] = {}
    for where, fields in read_rows(path):
        if len(fields) != 3:
            return {name: speech_regions(segments) for name, segments in read_alignment(path).items()}
        found.setdefault(fields[0], []).append(seconds_in(fields[1:], where))
    require(found, f"'{path}' is empty; it needs an alignment of words or lines: utterance start end")
    return {name: sorted(regions) for name, regions in found.items()}


def speech_regions(segments: Iterable[Segment]) -> list[Region]:
    """Longest stretches of segments that touch and are neither silence nor noise (SIL, SPN, unlabelled)."""
    regions: list[Region] = []
    for label, onset, offset in segments:
        if not is_speech(label):
            continue
        if regions and onset - regions[-1][1] < TOUCH_S:
            regions[-1] = (regions[-1][0], max(offset, regions[-1][1]))
        else:
            regions.append((onset, offset))
    return regions


def is_speech(label: str) -> bool:
    """Whether a label stands for speech."""
    return label.strip().lower() not in NON_SPEECH


def read_rows(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """(place for messages, fields) of every line that is not empty; fields are parted by white space."""
    for number, line in enumerate(read_lines(path), start=1):
        if fields := line.split():
            yield f"{path}, line {number}", fields


def seconds_in(fields: list[str], where: str) -> Region:
    """Start and end from two texts, the end not before the start."""
    try:
        start, end = (float(field) for field in fields)
    except ValueError:
        raise SonantError(f"{where}: '{fields[0]}' and '{fields[1]}' are no times in seconds") from None
    require(0 <= start <= end < math.inf, f"{where}: a stretch from {start:g} s to {end:g} s")
    return start, end
