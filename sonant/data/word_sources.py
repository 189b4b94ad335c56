"""What words can be read from, whatever kind of file or folder it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..core import require
from .alignments import read_alignment
from .archives import frame_counts
from .keys import Corpus
from .manifest import Manifest
from .pairs import is_pair_list, read_pairs, words_of_pairs
from .words import Word, read_words, words_of_alignment, words_of_archive, words_of_manifest


def find_words(source: str | Path, *, corpus: Corpus = "none", rate: float = 100.0, suffix: str = "") -> Iterator[Word]:
    """The words of a manifest folder, an archive (.npz), a list of words or pairs (.tsv) or a forced alignment.

    Args:
        corpus: whose names tell the speakers (alignments and archives).
        rate: frames per second of an archive.
        suffix: take only the keys of an archive that end in it, such as ``.c``.
    """
    source = Path(source)
    require(source.exists(), f"no file or folder '{source}'; give a manifest, an alignment, a .tsv or an archive")
    if source.is_dir():
        return words_of_manifest(Manifest.open(source))
    if source.suffix == ".npz":
        return words_of_archive(frame_counts(source, suffix=suffix), corpus, rate=rate)
    if source.suffix == ".tsv":
        return words_of_pairs(read_pairs(source)) if is_pair_list(source) else iter(read_words(source))
    return words_of_alignment(read_alignment(source), corpus)
