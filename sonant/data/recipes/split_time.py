"""A prepared corpus cut in time: the beginning of every utterance for training, its end held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core import require
from ..alignments import Segment
from ..keys import make_key
from ..manifest import Manifest, Utterance
from ._common import Skipped, write

ABOUT = "a prepared corpus with the end of every utterance held out: train and test share speakers"
PARTS = ("train", "test")


def prepare(source: Path | None, out: Path, *, at: float = 0.7, seconds: float | None = None) -> Manifest:
    """Cut every utterance of a prepared corpus in two: OUT/train has its first part, OUT/test the rest.

    Both parts have the same speakers, whom a probe can so be asked to tell apart where they said one thing each.
    Speaker, language, words, phones and voice activity are carried along; the audio stays where it is.

    at       share of an utterance that is for training; the cut moves to the nearest pause between two words, where
             their times are known
    seconds  cut both parts further, into pieces of about this length; default: one piece each

    Returns:
        The manifest OUT/train. Pieces are called <utterance>_<start>-<end>, in frames at 100 Hz of the utterance.
    """
    require(source is not None, "give the prepared corpus: sonant prepare split-time CORPUS OUT --at 0.7")
    require(0 < at < 1, f"--at is the share for training, between 0 and 1, got {at:g}")
    require(seconds is None or seconds > 0, f"--seconds must be above 0, got {seconds}")
    given, found = Manifest.open(source), []
    for part in PARTS:
        pieces = ((piece, None) for u in given for piece in _part(u, part, at=at, seconds=seconds))
        name = f"{Path(source).name} {part} in time"
        found.append(write(pieces, Path(out) / part, name=name, skipped=Skipped(strict=True)))
    return found[0]


def _part(u: Utterance, part: str, *, at: float, seconds: float | None) -> Iterator[Utterance]:
    """The pieces of an utterance that belong to ``train`` or to ``test``."""
    middle = _between_words(u, at * u.duration)
    first, last = (0.0, middle) if part == PARTS[0] else (middle, u.duration)
    count = 1 if seconds is None else max(round((last - first) / seconds), 1)
    inner = [_between_words(u, edge) for edge in np.linspace(first, last, count + 1)[1:-1].tolist()]
    edges = [first, *inner, last]
    for start, end in zip(edges, edges[1:], strict=False):
        if end > start:
            yield cut(u, start, end)


def cut(u: Utterance, start: float, end: float) -> Utterance:
    """The stretch of an utterance from ``start`` to ``end``, in seconds from its own start, with all that is in it.

    A segment belongs to the stretch that its middle lies in. The text is that of the words, or unknown without them.
    """
    words = _inside(u.words, start, end)
    return replace(
        u,
        id=make_key(None, u.id, start, end),
        start=u.start + start,
        duration=end - start,
        text=None if words is None else " ".join(label for label, _, _ in words) or None,
        words=words,
        phones=_inside(u.phones, start, end),
        activity=None if u.activity is None else [_voice(one, start, end) for one in u.activity],
    )


def _between_words(u: Utterance, time: float) -> float:
    """The middle of the pause or border between two words that is nearest to a time; the time itself without words."""
    words = u.words or []
    borders = [(a[2] + b[1]) / 2 for a, b in zip(words, words[1:], strict=False)]
    return min(borders, key=lambda border: abs(border - time), default=time)


def _inside(segments: Sequence[Segment] | None, start: float, end: float) -> list[Segment] | None:
    if segments is None:
        return None
    inside = [one for one in segments if start <= (one[1] + one[2]) / 2 < end]
    return [(label, max(onset, start) - start, min(offset, end) - start) for label, onset, offset in inside]


def _voice(stretches: Sequence[tuple[float, float]], start: float, end: float) -> list[tuple[float, float]]:
    cropped = [(max(onset, start) - start, min(offset, end) - start) for onset, offset in stretches]
    return [(onset, offset) for onset, offset in cropped if offset > onset]
