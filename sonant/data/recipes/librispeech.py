"""LibriSpeech (Panayotov et al., 2015) and what has its layout: ``<split>/<speaker>/<chapter>/<utterance>.flac``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core import require, unknown
from ...core.files import read_lines
from ..audio import SUFFIXES, AudioInfo
from ..manifest import Manifest, Utterance
from ._common import Skipped, alignment_of, headers, write
from ._openslr import fetch

ABOUT = "LibriSpeech and corpora of its layout (mini-librispeech, LibriTTS-like), with download"
PARTS = (
    *("dev-clean", "dev-other", "test-clean", "test-other"),
    *("train-clean-100", "train-clean-360", "train-other-500"),
)  # fmt: skip
URL = "https://www.openslr.org/resources/12"


def prepare(
    source: Path | None,
    out: Path,
    *,
    splits: str | None = None,
    alignments: Path | None = None,
    download: bool = False,
    part: str = "dev-clean",
    url: str = URL,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of a corpus in LibriSpeech's layout.

    splits      names of splits to take, with commas: train-clean-100,dev-clean; default: all beneath SRC
    alignments  folder of TextGrids, <split>/<speaker>/<chapter>/<utterance>.TextGrid; default: SRC/alignments if
                there is one
    download    fetch ``part`` into SRC first (default SRC: OUT/download); what is there already is not fetched again
    part        with download, parts of the corpus, with commas
    url         with download, where the archives lie
    check       decode everything now, which finds truncated files and NaN samples
    strict      stop at the first unusable file instead of skipping it
    """
    return prepare_layout(
        source, out, splits=splits, alignments=alignments, download=download, part=part, parts=PARTS, url=url,
        check=check, strict=strict, recipe="librispeech",
    )  # fmt: skip


def prepare_layout(
    source: Path | None,
    out: Path,
    *,
    splits: str | None,
    alignments: Path | None,
    download: bool,
    part: str,
    parts: tuple[str, ...],
    url: str,
    check: bool,
    strict: bool,
    recipe: str,
) -> Manifest:
    """``prepare`` for any corpus of this layout; ``parts`` are the archives that may be downloaded."""
    if download:
        source = Path(source) if source is not None else Path(out) / "download"
        wanted = part.split(",")
        for name in wanted:
            if name not in parts:
                raise unknown("part", name, parts)
            fetch(url, name, source)
        splits = splits or part
    require(
        source is not None,
        f"the recipe {recipe} needs the folder of the corpus (sonant prepare {recipe} SRC OUT) or --download",
    )
    root, chosen = _splits(Path(source), splits)
    grids = Path(alignments) if alignments is not None else root / "alignments"
    skipped = Skipped(strict=strict)
    genders = _genders(root)
    files = [file for split in chosen for file in _audio(split)]
    require(files, f"no audio in {', '.join(str(split) for split in chosen)}: expected <speaker>/<chapter>/*.flac")
    texts = _Texts()

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for path, info in headers(files, skipped, check=check, total=len(files)):
            if info is None:
                continue
            speaker = path.parent.parent.name
            grid = (grids / path.relative_to(root)).with_suffix(".TextGrid")
            yield (
                Utterance(
                    id=path.stem,
                    path=str(path),
                    speaker=speaker,
                    language="en",
                    text=texts.of(path),
                    gender=genders.get(speaker),
                    **alignment_of(grid, skipped),
                ),
                info,
            )

    return write(utterances(), out, name=f"{recipe} {','.join(split.name for split in chosen)}", skipped=skipped)


def _splits(source: Path, names: str | None) -> tuple[Path, list[Path]]:
    """The folder that holds the splits, and those that are wanted."""
    require(source.is_dir(), f"'{source}' is no folder; give the one that holds the splits, or --download")
    if (source / "LibriSpeech").is_dir():  # what the archives unpack into
        source = source / "LibriSpeech"
    folders = sorted(folder for folder in source.iterdir() if folder.is_dir())
    there = {folder.name: folder for folder in folders if _audio(folder, first=True)}
    if not there and names is None and _audio(source, first=True):
        source = source.absolute()
        return source.parent, [source]  # a split was given
    require(there, f"'{source}' holds no split: expected <split>/<speaker>/<chapter>/*.flac")
    if names is None:
        return source, list(there.values())
    for name in names.split(","):
        if name not in there:
            raise unknown("split", name, there)
    return source, [there[name] for name in names.split(",")]


def _audio(split: Path, *, first: bool = False) -> list[Path]:
    """The audio files of a split, sorted; ``first``: stop at the first."""
    found = (path for path in split.glob("*/*/*") if path.suffix.lower() in SUFFIXES)
    return [path for path, _ in zip(found, range(1), strict=False)] if first else sorted(found)


class _Texts:
    """Transcripts of a chapter at a time, from its ``.trans.txt``."""

    def __init__(self):
        self.chapter, self.lines = None, {}

    def of(self, path: Path) -> str | None:
        if self.chapter != path.parent:
            self.chapter, self.lines = path.parent, {}
            for file in path.parent.glob("*.trans.txt"):
                rows = (line.partition(" ") for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
                self.lines |= {key: text.strip() for key, _, text in rows}
        return self.lines.get(path.stem)


def _genders(root: Path) -> dict[str, str]:
    """speaker -> F or M from ``SPEAKERS.TXT``: ``id | sex | ...``, comments begin with a semicolon."""
    path = root / "SPEAKERS.TXT"
    if not path.is_file():
        return {}
    rows = [[field.strip() for field in line.split("|")] for line in read_lines(path) if not line.startswith(";")]
    return {row[0]: row[1] for row in rows if len(row) >= 2}
