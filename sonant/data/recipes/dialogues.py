"""Recordings of dialogues, a channel for each speaker, with who speaks when from files of any known timings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core import require
from ..activity import Activity
from ..audio import AudioInfo, find_audio, names_of
from ..dialogue_timings.sources import read_dialogues
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, source_folder, write

ABOUT = "two-channel recordings of dialogues with timings: activity lists, words, RTTM, TextGrid, Switchboard's files"


def prepare(
    source: Path | None,
    out: Path,
    *,
    timings: Path,
    language: str | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of the recordings beneath a folder that the timings name. An utterance is a whole dialogue.

    timings   file or folder of who speaks when (docs/conversation.md); a dialogue and its recording have one name,
              that of the file without suffix
    language  code of the language of all dialogues
    check     decode everything now, which finds truncated files and NaN samples
    strict    stop at the first unusable file, and at a recording without timings, instead of skipping it
    """
    source = source_folder(source, "dialogues")
    activity = {told.session: told.activity for told in read_dialogues(timings)}
    files = find_audio(source)
    names = dict(zip(files, names_of(files, source), strict=True))
    known = [path for path in files if names[path] in activity]
    require(
        known,
        f"no recording beneath '{source}' has the name of a dialogue of '{timings}' (such as "
        f"{next(iter(activity), 'none')}); rename one of both",
    )
    skipped = Skipped(strict=strict)
    for path in files:
        if names[path] not in activity:
            skipped.add(f"'{path}' has no timings called '{names[path]}' in '{timings}'")

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(known, skipped, check=check, total=len(known)):
            if info is None:
                continue
            told = {"language": language, "activity": _within(activity[names[path]], info.duration)}
            yield Utterance(id=names[path], path=str(path), channel=None if info.channels > 1 else 0, **told), info

    return write(utterances(), out, name=source.resolve().name, skipped=skipped)


def _within(activity: Activity, duration: float) -> Activity:
    """Activity as far as the recording goes."""
    return [[(on, min(off, duration)) for on, off in side if on < duration] for side in activity]
