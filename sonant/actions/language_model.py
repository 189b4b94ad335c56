"""A word n-gram from the texts of manifests and text files, as an ARPA file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core import require
from ..core.files import read_lines
from ..data.manifest import Manifest
from ..evaluation.asr.kneser_ney import estimate, write_arpa
from ..evaluation.asr.transcript import normalised, transcript


def language_model(
    sources: Sequence[str | Path], out: str | Path, *, order: int = 3, without: Sequence[str | Path] = ()
) -> dict[str, Any]:
    """Estimate an n-gram and write it to ``out``.

    Args:
        sources: manifest folders, or text files with a sentence a line. Texts are normalised as transcripts are.
        order: longest n-gram in words.
        without: further ones, whose sentences are left out wherever they come: what is to be recognised.

    Returns:
        Counts of sentences, those left out, words, and n-grams.
    """
    banned = {text for source in without for text in sentences_of(source)}
    everything = [text for source in sources for text in sentences_of(source)]
    kept = [text for text in everything if text not in banned]
    require(kept, "no sentence is left to estimate a language model from")
    entries = estimate(kept, order=order)
    write_arpa(Path(out), entries)
    return {
        "sentences": len(kept),
        "left_out": len(everything) - len(kept),
        "words": sum(len(text.split()) for text in kept),
        "vocabulary": sum(len(words) == 1 for words in entries) - 3,
        "ngrams": len(entries),
    }


def sentences_of(source: str | Path) -> Iterator[str]:
    """The normalised sentences of a manifest folder or a text file."""
    if Path(source).is_dir():
        texts = (transcript(utterance) for utterance in Manifest.open(source))
    else:
        texts = (normalised(line) for line in read_lines(source, "the text"))
    return (text for text in texts if text)
