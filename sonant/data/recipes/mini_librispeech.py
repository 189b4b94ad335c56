"""Mini LibriSpeech (OpenSLR 31): 5 hours for training and 2 for development, cut from LibriSpeech."""

from __future__ import annotations

from pathlib import Path

from ..manifest import Manifest
from .librispeech import prepare_layout

ABOUT = "mini LibriSpeech (OpenSLR 31): 7 hours of read English, with download"
PARTS = ("train-clean-5", "dev-clean-2")
URL = "https://www.openslr.org/resources/31"


def prepare(
    source: Path | None,
    out: Path,
    *,
    splits: str | None = None,
    alignments: Path | None = None,
    download: bool = True,
    part: str = "train-clean-5",
    url: str = URL,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of mini LibriSpeech, after fetching it when it is not there.

    splits      names of splits to take, with commas; default: ``part`` when it is fetched, else all
    alignments  folder of TextGrids, <split>/<speaker>/<chapter>/<utterance>.TextGrid
    download    fetch ``part`` into SRC first (default SRC: OUT/download); what is there already is not fetched again
    part        train-clean-5, dev-clean-2 or both with a comma
    url         where the archives lie
    check       decode everything now, which finds truncated files and NaN samples
    strict      stop at the first unusable file instead of skipping it
    """
    return prepare_layout(
        source, out, splits=splits, alignments=alignments, download=download, part=part, parts=PARTS, url=url,
        check=check, strict=strict, recipe="mini-librispeech",
    )  # fmt: skip
