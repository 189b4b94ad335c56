"""What VoxCeleb 1 and 2 share: ``idXXXXX/VIDEO/CLIP.wav`` (or m4a) in any folders, and their tables of speakers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ...core import SonantError, require
from ...core.files import read_lines
from ..audio import FFMPEG_SUFFIXES, AudioInfo, find_audio
from ..manifest import Manifest, Utterance
from ..trials import read_trials
from ._common import Skipped, headers, write

Split = Literal["train", "test", "all"]
CLIP = re.compile(r"(?:^|/)(id\d{5})/([^/]+)/([^/]+)\.\w+$")
SPEAKER = re.compile(r"id\d{5}")


def prepare_voxceleb(
    source: Path | None, out: Path, *, recipe: str, fetch: str, meta_name: str, split: Split,
    is_test: Callable[[str, str], bool], trials: Path | None, meta: Path | None, check: bool, strict: bool,
) -> Manifest:  # fmt: skip
    """Make a manifest of either corpus.

    Args:
        fetch: what to say when there is nothing to read.
        meta_name: of the table of speakers, looked for in SRC.
        is_test: whether a speaker (with the path of a clip) is of the test part, where no table says so.
    """
    require(source is not None and Path(source).is_dir(), f"'{source}' is no folder; {fetch}")
    source = Path(source)
    clips = _clips(source)
    require(clips, f"no idXXXXX/VIDEO/CLIP.wav or .m4a beneath '{source}'; {fetch}")
    table = _speakers(meta or next(iter(sorted(source.rglob(meta_name))), None))
    banned = _of_trials(trials)

    def tested(speaker: str, path: str) -> bool:
        if speaker in banned:
            return True
        part = table.get(speaker, {}).get("set")
        return part == "test" if part in ("dev", "test") else is_test(speaker, path)

    chosen = {
        id: path for id, path in clips.items() if split == "all" or tested(id[:7], path.as_posix()) == (split == "test")
    }
    require(chosen, f"none of {len(clips)} clips beneath '{source}' is of the split {split}")
    left = {id[:7] for id in clips} - {id[:7] for id in chosen}
    if left:
        print(f"sonant: {len(left)} speakers are not of the split {split}: left out", file=sys.stderr)
    skipped = Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        found = headers(chosen.values(), skipped, check=check, total=len(chosen))
        for id, (path, info) in zip(chosen, found, strict=True):
            if info is not None:
                speaker = id[:7]
                yield (
                    Utterance(id=id, path=str(path), speaker=speaker, gender=table.get(speaker, {}).get("gender")),
                    info,
                )

    return write(utterances(), out, name=f"{recipe} {split}", skipped=skipped)


def _clips(source: Path) -> dict[str, Path]:
    """``id00012-21Uxsk56VDQ-00001`` -> file; of a clip that is there as m4a and as wav, the wav."""
    found: dict[str, Path] = {}
    for path in find_audio(source):
        clip = CLIP.search(path.as_posix())
        if clip is None:
            continue
        id = "-".join(clip.groups())
        if id not in found or found[id].suffix.lower() in FFMPEG_SUFFIXES:
            found[id] = path
    return dict(sorted(found.items()))


def _speakers(path: Path | None) -> dict[str, dict[str, str]]:
    """speaker -> ``gender`` and ``set``, from vox1_meta.csv (tabs) or vox2_meta.csv (commas)."""
    if path is None:
        return {}
    lines = [line for line in read_lines(path, "the table of speakers ") if line.strip()]
    require(lines, f"the table of speakers '{path}' is empty")
    mark = "\t" if "\t" in lines[0] else ","
    names = [name.strip().lower() for name in lines[0].split(mark)]
    require(
        "gender" in names and "id" in names[0],
        f"'{path}' is no table of VoxCeleb's speakers: its first line names no id and no Gender",
    )
    rows = ([value.strip() for value in line.split(mark)] for line in lines[1:])
    table = (dict(zip(names, row, strict=False)) for row in rows)
    return {row[names[0]]: {"gender": row.get("gender", ""), "set": row.get("set", "")} for row in table}


def _of_trials(path: Path | None) -> set[str]:
    """The speakers of a trial list."""
    if path is None:
        return set()
    found = {match[0] for name in read_trials(path).names if (match := SPEAKER.search(name))}
    if not found:
        raise SonantError(f"the trials of '{path}' name no speaker of VoxCeleb (idXXXXX)")
    return found
