"""Recordings of dialogues whose windows, with the voice activity of both channels, stand in a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core import SonantError, require
from ..audio import AudioInfo, audio_info
from ..dialogue_timings.segments import Stretch, names_of_stretches, read_segments
from ..manifest import Manifest, Utterance
from ._common import Skipped, write

ABOUT = "a table of windows of dialogues: audio_path,start,end,vad_list,session,dataset"


def prepare(
    source: Path | None,
    out: Path,
    *,
    audio: Path | None = None,
    language: str | None = None,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of the dialogues in a table of windows (docs/conversation.md).

    Windows of a recording that overlap or touch become one utterance, with the two seconds of activity after the last;
    training cuts its own windows from it (data.chunk_seconds, data.overlap_seconds).

    audio     folder that audio paths start from; default: that of the table
    language  code of the language of all dialogues
    strict    stop at the first unusable recording instead of skipping it
    """
    require(source is not None, "give the table: sonant prepare dialogue-segments train.csv OUT")
    found, skipped = read_segments(source), Skipped(strict=strict)
    root = Path(source).parent if audio is None else Path(audio)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for name, one in zip(names_of_stretches(found), found, strict=True):
            try:
                path = root / one.audio_path
                info = audio_info(path)
                yield _utterance(name, one, path, info, language), info
            except SonantError as error:
                skipped.add(error)

    return write(utterances(), out, name=Path(source).stem, skipped=skipped)


def _utterance(name: str, one: Stretch, path: Path, info: AudioInfo, language: str | None) -> Utterance:
    end = min(one.end, info.duration)
    require(one.start < end, f"the windows of '{path}' begin at {one.start:g} s, and it lasts {info.duration:g} s")
    length = end - one.start
    activity = [[(on, min(off, length)) for on, off in side if on < length] for side in one.activity]
    channel = None if info.channels > 1 else 0
    return Utterance(
        id=name, path=str(path), channel=channel, start=one.start, duration=length, language=language, activity=activity
    )
