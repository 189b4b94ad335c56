"""VoxLingua107 (Valk and Alumäe, 2021): 6,628 hours of 107 languages from YouTube; a folder per language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...core import require, unknown
from ..audio import AudioInfo, find_audio
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, write

ABOUT = "VoxLingua107 (your copy): <language>/*.wav; languages from the folders, iw and jw as he and jv"
MODERN = {"iw": "he", "jw": "jv"}  # Hebrew and Javanese, whose codes in ISO 639-1 changed
FETCH = (
    "fetch the languages that you need from http://bark.phon.ioc.ee/voxlingua107/ (et.zip, lv.zip, ...; dev.zip is "
    "the development set) and unpack each into its folder, dev into dev"
)


def prepare(
    source: Path | None,
    out: Path,
    *,
    split: Literal["train", "dev", "all"] = "train",
    languages: str | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of VoxLingua107: the language of a file is the name of its folder.

    split      dev: what lies beneath SRC/dev; train: everything else; all
    languages  which, with commas: et,lv,he; default: all that are there
    check      decode everything now, which finds truncated files and NaN samples
    strict     stop at the first unusable file instead of skipping it
    """
    require(source is not None and Path(source).is_dir(), f"'{source}' is no folder; {FETCH}")
    source = Path(source)
    found: dict[str, list[Path]] = {}
    for path in find_audio(source):
        folders = path.relative_to(source).parts[:-1]
        if folders and (split == "all" or (folders[0] == "dev") == (split == "dev")):
            found.setdefault(MODERN.get(folders[-1], folders[-1]), []).append(path)
    require(found, f"no <language>/*.wav of the split {split} beneath '{source}'; {FETCH}")
    wanted = sorted(found) if languages is None else [MODERN.get(name, name) for name in languages.split(",")]
    for name in wanted:
        if name not in found:
            raise unknown("language", name, found)
    files = [(name, path) for name in wanted for path in found[name]]
    skipped = Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        read = headers((path for _, path in files), skipped, check=check, total=len(files))
        for (language, path), (_, info) in zip(files, read, strict=True):
            if info is not None:
                id = path.relative_to(source).with_suffix("").as_posix().replace("/", "-")
                yield Utterance(id=id, path=str(path), language=language), info

    return write(utterances(), out, name=f"voxlingua107 {split}", skipped=skipped)
