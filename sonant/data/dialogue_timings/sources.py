"""Dialogues wherever they are told: a file of any known format, or a folder of such.

F.json            activity list [[[start, end], ...], [...]], or {"session", "duration", "activity"}
F.jsonl[.gz]      such an object a line; or the words of a conversation, as ms98.py and synth_timings.py tell them
F.rttm            several dialogues
F.TextGrid        tiers of words
sw2001A-ms98-a-word.text    with its sibling B
sw2001A-word-da.csv         the same with dialog acts
F.csv             windows with their activity (segments.py)
F.cha             CHAT, of TalkBank's CallHome
F.txt             utterances with times, of Fisher and of the LDC's CallHome; other texts are left out
a manifest        the utterances that have voice activity of two channels
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path

from ...core import SonantError, require
from ..activity import activity_field, checked_activity, read_json
from ..manifest import RECORDINGS, Manifest
from . import chat, dialog_acts, ldc, ms98, rttm, segments, textgrids
from .dialogue import Dialogue, dialogue_of

KINDS = ".json, .jsonl, .jsonl.gz, .rttm, .TextGrid, .cha, .csv, .txt, -ms98-a-word.text, -word-da.csv"
ENDINGS = (
    *(".json", ".jsonl", ".jsonl.gz", ".rttm", ".textgrid", "-ms98-a-word.text", "-word-da.csv", ".cha"),
    *(".csv", ".txt"),
)


def read_dialogues(path: str | Path) -> Iterator[Dialogue]:
    """The dialogues of a file or of a folder (its files by name, folders in it included), one at a time.

    Raises:
        SonantError: no such file, nothing in it, or damaged; it says where.
    """
    path = Path(path)
    require(path.exists(), f"there is no '{path}'; give a file ({KINDS}) or a folder of such")
    if not path.is_dir():
        yield from _of_file(path)
    elif (path / RECORDINGS).is_file():
        yield from _of_manifest(path)
    else:
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and _kind(file) and not _second_side(file)]
        require(files, f"'{path}' holds no timings; known are {KINDS}")
        for file in files:
            yield from _of_file(file)


def _kind(path: Path) -> str:
    name = path.name.lower()
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    looks = {".csv": segments.is_segments, ".txt": ldc.is_transcript}.get(ending)
    return "" if looks and not looks(path) else ending


def _second_side(path: Path) -> bool:
    match = ms98.SIDE_FILE.fullmatch(str(path)) or dialog_acts.SIDE_FILE.fullmatch(str(path))
    return bool(match) and match["side"] == "B"


def _of_file(path: Path) -> Iterator[Dialogue]:
    whole = {".textgrid": textgrids.read_textgrid_dialogue, ".cha": chat.read_chat, ".txt": ldc.read_transcript}
    whole |= {"-ms98-a-word.text": ms98.read_sides, "-word-da.csv": dialog_acts.read_act_sides}
    kind = _kind(path)
    match kind:
        case ".json":
            yield _of_value(read_json(path), f"'{path}'", path.name.removesuffix(path.suffix))
        case ".jsonl" | ".jsonl.gz":
            yield from _of_lines(path)
        case ".rttm":
            yield from rttm.read_rttm(path)
        case ".csv":
            found = segments.read_segments(path)
            for name, one in zip(segments.names_of_stretches(found), found, strict=True):
                yield dialogue_of(name, one.activity, one.end - one.start)
        case _ if kind in whole:
            yield whole[kind](path)
        case _:
            raise SonantError(f"'{path}' is of no known kind of timings; known are {KINDS}")


def _of_lines(path: Path) -> Iterator[Dialogue]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    where = f"line {number} of '{path}'"
                    yield _of_value(_json(line, where), where, f"{path.name.split('.')[0]}-{number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SonantError(f"cannot read '{path}': {error}") from None


def _json(line: str, where: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SonantError(f"{where} is no JSON ({error})") from None


def _of_value(raw: object, where: str, session: str) -> Dialogue:
    """The dialogue of a value of JSON; ``session`` is its name where it tells none."""
    if not isinstance(raw, dict):
        return dialogue_of(session, checked_activity(raw, where))
    session = str(raw.get("session", raw.get("id", session)))
    try:
        if "A" in raw and "B" in raw:
            return ms98.dialogue_of_line({**raw, "id": session})
        duration = None if raw.get("duration") is None else float(raw["duration"])
        require(duration is None or (math.isfinite(duration) and duration >= 0), "its duration is no length of time")
        if "channels" in raw:
            return _of_words(session, raw["channels"], duration)
    except (KeyError, TypeError, ValueError) as error:  # a SonantError is a ValueError
        raise SonantError(f"{where} is no conversation ({type(error).__name__}: {error})") from None
    return dialogue_of(session, checked_activity(activity_field(raw, where), where), duration)


def _of_words(session: str, channels: list, duration: float | None) -> Dialogue:
    require(len(channels) == 2, f"it has {len(channels)} channels; dialogues have two")
    sides = [[ms98.Word(0, float(row[1]), float(row[2]), str(row[0])) for row in channel] for channel in channels]
    return ms98.dialogue_of_words(session, sides, duration=duration)


def _of_manifest(folder: Path) -> Iterator[Dialogue]:
    found = False
    for utterance in Manifest.open(folder):
        if utterance.activity is not None and len(utterance.activity) == 2:
            found = True
            yield dialogue_of(utterance.id, [list(channel) for channel in utterance.activity], utterance.duration)
    require(found, f"no utterance of the manifest '{folder}' has voice activity of two channels")
