"""Recordings of dialogues, a channel for each speaker, with who speaks when from timings or a detector."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...core import SonantError, require
from ..activity import Activity, read_json
from ..audio import AudioInfo, find_audio, names_of
from ..dialogue_timings.sources import read_dialogues
from ..manifest import Manifest, Utterance
from ..vad.detect import activity_of
from ._common import Skipped, headers, source_folder, write

ABOUT = "two-channel recordings of dialogues with timings (activity lists, words, RTTM, TextGrid ...) or a detector"


def prepare(
    source: Path | None,
    out: Path,
    *,
    timings: Path | None = None,
    vad: Literal["none", "energy", "silero"] = "none",
    audio_paths: Path | None = None,
    language: str | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of the recordings beneath a folder that the timings name. An utterance is a whole dialogue.

    timings      file or folder of who speaks when (docs/conversation.md); a dialogue and its recording have one name,
                 that of the file without suffix
    vad          in place of timings: energy, built in, or silero (the extra vad) finds where each channel speaks
    audio_paths  JSON with the recording of each dialogue, {"2005": "swb1_d1/data/sw02005"}: paths beneath SRC, with or
                 without suffix; default: by names
    language     code of the language of all dialogues
    check        decode everything now, which finds truncated files and NaN samples
    strict       stop at the first unusable file, and at a recording without timings, instead of skipping it
    """
    source = source_folder(source, "dialogues")
    require(
        (timings is None) != (vad == "none"), "give the dialogues --timings, or --vad energy to find who speaks when"
    )
    told = None if timings is None else {one.session: one.activity for one in read_dialogues(timings)}
    names = _names(source, audio_paths)
    known = [path for path, name in names.items() if told is None or name in told]
    require(
        known,
        f"no recording beneath '{source}' has the name of a dialogue of '{timings}' (such as "
        f"{next(iter(told or ()), 'none')}); rename one of both, or give --audio-paths",
    )
    skipped = Skipped(strict=strict)
    for path in names:
        if path not in known:
            skipped.add(f"'{path}' has no timings called '{names[path]}' in '{timings}'")

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(known, skipped, check=check, total=len(known)):
            if info is None:
                continue
            channel = None if info.channels > 1 else 0
            u = Utterance(id=names[path], path=str(path), channel=channel, language=language, duration=info.duration)
            try:
                activity = activity_of(u, vad=vad) if told is None else _within(told[u.id], info.duration)
            except SonantError as error:
                skipped.add(error)
                continue
            yield replace(u, activity=activity), info

    return write(utterances(), out, name=source.resolve().name, skipped=skipped)


def _names(source: Path, audio_paths: Path | None) -> dict[Path, str]:
    """Recording -> name of its dialogue."""
    files = find_audio(source)
    if audio_paths is None:
        return dict(zip(files, names_of(files, source), strict=True))
    wanted = read_json(audio_paths)
    good = isinstance(wanted, dict) and all(isinstance(path, str) for path in wanted.values())
    require(good, f'\'{audio_paths}\' is no JSON of names and paths, such as {{"2005": "swb1_d1/data/sw02005"}}')
    there = {name: path for path in files for name in _spellings(path.relative_to(source))}
    missing = [path for path in wanted.values() if path not in there]
    require(
        len(missing) < len(wanted),
        f"none of the {len(wanted)} recordings of '{audio_paths}' lies beneath '{source}', such as {missing[:1]}",
    )
    for path in missing:
        print(f"sonant: '{audio_paths}' names '{path}', which is not beneath '{source}'", file=sys.stderr)
    return {there[path]: name for name, path in wanted.items() if path in there}


def _spellings(path: Path) -> tuple[str, str]:
    return path.as_posix(), path.with_suffix("").as_posix()


def _within(activity: Activity, duration: float) -> Activity:
    """Activity as far as the recording goes."""
    return [[(on, min(off, duration)) for on, off in side if on < duration] for side in activity]
