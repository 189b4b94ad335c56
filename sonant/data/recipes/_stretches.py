"""Recordings with word times as utterances: one per stretch of speech, or one per recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core import require, unknown
from ..alignments import Segment, is_speech, speech_regions
from ..keys import make_key
from ..manifest import Utterance

CUT = "speech"  # of the option that chooses


@dataclass(frozen=True)
class Recording:
    """A file and its segments, in seconds from its start; pauses may be among the words and phones."""

    id: str
    path: Path
    speaker: str
    words: Sequence[Segment] | None = None
    phones: Sequence[Segment] | None = None
    gender: str | None = None


def utterances_of(recording: Recording, *, cut: str, language: str, duration: float) -> Iterator[Utterance]:
    """The utterances of a recording of ``duration`` s.

    ``cut="speech"``: the stretches of words that touch, called ``<recording>_<start>-<end>`` in frames at 100 Hz as in
    feature archives. ``cut="recordings"``: all of it, under its own name.
    """
    regions = [(0.0, duration)] if cut != CUT else speech_regions(recording.words or ())
    for start, end in regions:
        end = min(end, duration)
        if end <= start:
            continue
        words = _inside(recording.words, start, end)
        yield Utterance(
            id=recording.id if cut != CUT else make_key(None, recording.id, start, end),
            path=str(recording.path),
            start=start,
            duration=end - start,
            speaker=recording.speaker,
            language=language,
            text=" ".join(word for word, _, _ in words) or None if words is not None else None,
            words=words,
            phones=_inside(recording.phones, start, end),
            gender=recording.gender,
            recording=recording.id,
        )


def chosen_splits(names: str | None, known: dict[str, tuple[str, ...]]) -> list[str]:
    """The splits that are named, with commas between; None: all."""
    wanted = list(known) if names is None else [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise unknown("split", name, known)
    require(wanted, f"no split is named; known: {', '.join(known)}")
    return wanted


def shortened(names: Sequence[str], most: int = 6) -> str:
    """The first few names for a message, and how many more."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _inside(segments: Sequence[Segment] | None, start: float, end: float) -> list[Segment] | None:
    """The spoken segments whose middle lies in a stretch, in seconds from its start and cut to it."""
    if segments is None:
        return None
    inside = [one for one in segments if is_speech(one[0]) and start <= (one[1] + one[2]) / 2 <= end]
    cut = ((label, max(onset, start) - start, min(offset, end) - start) for label, onset, offset in inside)
    return [(label, onset, offset) for label, onset, offset in cut if offset > onset]
