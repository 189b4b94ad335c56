"""Any tree of audio files. What stands beside one is used: ``x.txt`` its text, ``x.TextGrid`` its words and phones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...core import SonantError, require
from ..audio import AudioInfo, find_audio, names_of
from ..manifest import Manifest, Utterance
from ._common import NamedGroups, Skipped, alignment_of, headers, source_folder, write

ABOUT = "any tree of audio; speakers from folder names or a pattern, texts and TextGrids beside the files"


def prepare(
    source: Path | None,
    out: Path,
    *,
    speaker_from: Literal["folder", "none"] = "folder",
    speaker_level: int = 1,
    speaker_pattern: str | None = None,
    pattern: str | None = None,
    channels: Literal["first", "each", "all"] = "first",
    language: str | None = None,
    alignments: Path | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of every audio file beneath a folder.

    speaker_from     folder: a folder's name is the speaker of what lies in it; none: speakers are unknown
    speaker_level    which folder: 1 the first beneath SRC, 2 the second, ...; -1 the one that holds the file
    speaker_pattern  regular expression with one group (or a group called speaker), searched in the file's path
                     beneath SRC without suffix; it replaces the folders. Example for 7_jackson_32: _([a-z]+)_
    pattern          for isolated words: regular expression with groups called label and speaker, searched as
                     speaker_pattern; a file with a label is one word from its begin to its end.
                     Example for 7_jackson_32: (?P<label>\\d)_(?P<speaker>[a-z]+)_
    channels         of files with several: first: only the first; each: an utterance per channel; all: kept together
    language         code of the language, for all files
    alignments       folder of TextGrids, with the tree of SRC or flat; default: beside the audio
    check            decode everything now, which finds truncated files and NaN samples
    strict           stop at the first unusable file instead of skipping it
    """
    source = source_folder(source, "folder")
    require(
        pattern is None or speaker_pattern is None,
        "pattern and speaker_pattern both tell the speaker; give the one with the groups label and speaker",
    )
    speaker_of = _speakers(speaker_from, speaker_level, speaker_pattern)
    groups_of = None if pattern is None else NamedGroups(pattern, ("label", "speaker"))
    files = find_audio(source)
    require(files, f"no audio beneath '{source}': sonant looks for .wav .flac .mp3 .ogg .opus .sph .m4a and others")
    skipped = Skipped(strict=strict)
    names = dict(zip(files, names_of(files, source), strict=True))

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(files, skipped, check=check, total=len(files)):
            if info is None:
                continue
            relative = path.relative_to(source)
            grid = _grid(path, relative, alignments)
            whole = Utterance(
                id=names[path],
                path=str(path),
                speaker=speaker_of(relative),
                language=language,
                text=_text(path.with_suffix(".txt"), skipped),
                **alignment_of(grid, skipped),
            )
            if groups_of is not None:
                whole = _labelled(whole, groups_of(relative.with_suffix("").as_posix()), info)
            yield from ((one, info) for one in _by_channel(whole, info, channels))
        if groups_of is not None:
            groups_of.close()

    return write(utterances(), out, name=source.resolve().name, skipped=skipped)


def _speakers(speaker_from: str, level: int, pattern: str | None):
    """A function from a relative path to a speaker's name or None."""
    if pattern is not None:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise SonantError(f"speaker pattern '{pattern}' is no regular expression: {error}") from None
        require(compiled.groups >= 1, f"speaker pattern '{pattern}' needs a group in parentheses: the speaker's name")
        group = "speaker" if "speaker" in compiled.groupindex else 1

        def by_pattern(relative: Path) -> str | None:
            found = compiled.search(relative.with_suffix("").as_posix())
            return found[group] if found else None

        return by_pattern
    if speaker_from == "none":
        return lambda relative: None
    require(level != 0, "speaker_level counts from 1 (the first folder beneath SRC) or from -1 (the one with the file)")
    index = level - 1 if level > 0 else level

    def by_folder(relative: Path) -> str | None:
        folders = relative.parts[:-1]
        return folders[index] if -len(folders) <= index < len(folders) else None

    return by_folder


def _labelled(whole: Utterance, found: dict[str, str], info: AudioInfo) -> Utterance:
    """The utterance with what its name tells; a label is a word that is all of it."""
    if "label" in found:
        label = found["label"]
        whole = replace(whole, text=whole.text or label, words=[(label, 0.0, info.duration)])
    return replace(whole, speaker=found.get("speaker", whole.speaker))


def _by_channel(whole: Utterance, info: AudioInfo, channels: str) -> Iterator[Utterance]:
    if info.channels == 1 or channels == "first":
        yield whole
    elif channels == "all":
        yield replace(whole, channel=None)
    else:
        for channel in range(info.channels):
            yield replace(whole, id=f"{whole.id}-{channel}", channel=channel, recording=whole.id)


def _grid(path: Path, relative: Path, alignments: Path | None) -> Path:
    if alignments is None:
        return path.with_suffix(".TextGrid")
    same_tree = Path(alignments) / relative.with_suffix(".TextGrid")
    return same_tree if same_tree.is_file() else Path(alignments) / f"{path.stem}.TextGrid"


def _text(path: Path, skipped: Skipped) -> str | None:
    if not path.is_file():
        return None
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").split()) or None
    except UnicodeDecodeError:
        skipped.add(f"the text '{path}' is not UTF-8; its audio is kept without text")
        return None
