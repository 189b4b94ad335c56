"""A feature archive (``.npz``, one array a key) as a corpus, so that models train on features of others."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ...core import SonantError, require
from ..archives import frame_counts
from ..audio import AudioInfo
from ..keys import parse_key
from ..manifest import Manifest, Utterance
from ._common import NamedGroups, Skipped, write

ABOUT = "a feature archive (.npz): keys are utterances, with speakers and words in their names"


def prepare(
    source: Path | None,
    out: Path,
    *,
    rate: float = 100.0,
    keys: Literal["english", "english_full", "xitsonga", "none"] = "none",
    pattern: str | None = None,
    suffix: str = "",
    language: str | None = None,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of the keys of an archive. Train on it with: data.train OUT, data.arrays FILE.

    rate      frames per second (Hz)
    keys      rule for speakers and words: english (Buckeye words, such as abandoned_s0602a_044207-044257),
              english_full (Buckeye utterances, s0101a_003222-003255), xitsonga (both), or none
    pattern   in place of a rule: regular expression with groups called label or speaker, searched in the key,
              such as (?P<label>[^_]+)_(?P<speaker>[^_]+)_
    suffix    take only the keys that end in it, such as .c of an extracted archive
    language  code of the language, for all
    strict    stop at the first key that does not follow the rule instead of skipping it
    """
    require(
        source is not None and Path(source).is_file() and Path(source).suffix == ".npz",
        f"the recipe npz needs an archive to read, got '{source}': sonant prepare npz FILE.npz OUT",
    )
    require(rate > 0, f"rate must be positive, got {rate:g} frames per second")
    require(pattern is None or keys == "none", "keys and pattern both tell speakers and words; give one of them")
    counts = frame_counts(source, suffix=suffix)
    groups = None if pattern is None else NamedGroups(pattern, ("label", "speaker"))
    ratio = Fraction(rate).limit_denominator(1000)  # a frame is a whole number of "samples" at a whole rate
    skipped = Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for key, frames in counts.items():
            info = AudioInfo(sample_rate=ratio.numerator, channels=1, samples=frames * ratio.denominator)
            try:
                label, speaker = _facts(key, keys, groups)
            except SonantError as error:
                skipped.add(error)
                continue
            words = None if label is None else [(label, 0.0, info.duration)]
            place = f"{source}/{key}"  # no file: the audio is not there
            yield Utterance(id=key, path=place, speaker=speaker, language=language, text=label, words=words), info
        if groups is not None:
            groups.close()

    return write(utterances(), out, name=Path(source).stem, skipped=skipped)


def _facts(key: str, corpus: str, groups) -> tuple[str | None, str | None]:
    """(label, speaker) of a key."""
    if groups is not None:
        found = groups(key)
        return found.get("label"), found.get("speaker")
    if corpus == "none":
        return None, None
    parsed = parse_key(key, corpus)
    return parsed.label, parsed.speaker
