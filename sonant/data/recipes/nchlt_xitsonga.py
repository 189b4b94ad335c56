"""NCHLT Xitsonga (Barnard et al., 2014; de Vries et al., 2014), the subset of the ZeroSpeech challenge of 2015.

24 speakers, 4058 utterances, 2.49 h of speech. All of it is both the training and the test set of the word recipes;
beside it stand two sets of 12 speakers. Which utterances belong to it is told by a list or by its word alignment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...core import require
from ..alignments import Segment, read_alignment, read_rows
from ..audio import AudioInfo
from ..keys import archive_name, speaker_of
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, source_folder, write
from ._stretches import CUT, Recording, chosen_splits, shortened, utterances_of

ABOUT = "NCHLT Xitsonga (your copy), the ZeroSpeech 2015 subset: splits all, dev, test, with words"
DEV = ("001m", "102f", "103f", "104f", "126f", "127f", "128m", "129f", "130m", "132m", "134m", "135m")
TEST = ("131f", "133f", "136f", "138m", "139f", "140f", "141m", "142m", "143m", "144m", "145m", "146f")
SPLITS = {"all": (*DEV, *TEST), "dev": DEV, "test": TEST}
NAME = re.compile(r"nchlt[_-]tso[_-]\d+[mf][_-]\d+")


def prepare(
    source: Path | None,
    out: Path,
    *,
    subset: Path | None = None,
    alignment: Path | None = None,
    phones: Path | None = None,
    splits: str | None = None,
    utterances: Literal["speech", "recordings"] = "speech",
    partial: bool = False,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make the manifests OUT/all, OUT/dev and OUT/test from nchlt_tso_*.wav files in any folders.

    subset      list of the subset's utterances, one at the begin of each line (nchlt_tso_001m_0007); default: those
                of the alignment
    alignment   forced alignment of words: utterance start end label, SIL and SPN where nobody speaks
    phones      the same of phones
    splits      which manifests, with commas; default: all three
    utterances  speech: one for every stretch of words without pause (needs the alignment); recordings: whole files
    partial     go on when files are missing
    check       decode everything now, which finds truncated files and NaN samples
    strict      stop at the first unusable file instead of skipping it
    """
    source = source_folder(source, "nchlt_xitsonga")
    wanted = chosen_splits(splits, SPLITS)
    words, sounds = (None if path is None else _named(read_alignment(path)) for path in (alignment, phones))
    require(
        words is not None or utterances != CUT,
        "the alignment of words tells where speech is: give it with --alignment, or take whole files with --utterances "
        "recordings",
    )
    names = _subset(subset, words)
    files = _files(source, names, partial=partial)
    made = []
    for split in wanted:
        own = {name: path for name, path in files.items() if speaker_of(name, "xitsonga") in SPLITS[split]}
        if not own:
            print(f"sonant: nothing of {split} is there; it is left out", file=sys.stderr)
            continue
        skipped = Skipped(strict=strict)
        items = _utterances(own, words, sounds, skipped, cut=utterances, check=check)
        made.append(write(items, Path(out) / split, name=f"nchlt_xitsonga {split}", skipped=skipped))
        print(f"sonant: {made[-1].folder}: {len(own):,} recordings, {len(made[-1]):,} utterances", file=sys.stderr)
    require(made, f"none of the utterances is of a speaker of {', '.join(wanted)}: {shortened(SPLITS[wanted[0]], 24)}")
    return made[0]


def _named(alignment: dict[str, list[Segment]]) -> dict[str, list[Segment]]:
    return {archive_name(name, "xitsonga"): segments for name, segments in alignment.items()}


def _subset(subset: Path | None, words: dict[str, list[Segment]] | None) -> list[str]:
    """Names of the utterances to take, spelled as in archives."""
    require(
        subset is not None or words is not None,
        "which utterances are of the ZeroSpeech 2015 subset? Give its list of files with --subset, or its word "
        "alignment (4058 utterances, 24 speakers) with --alignment",
    )
    if subset is None:
        return list(words)
    firsts = (Path(fields[0]).name.removesuffix(".wav") for _, fields in read_rows(subset))
    names = list(dict.fromkeys(archive_name(name, "xitsonga") for name in firsts if NAME.fullmatch(name)))
    require(names, f"'{subset}' names no utterance such as nchlt_tso_001m_0007 at the begin of its lines")
    return names


def _files(source: Path, names: list[str], *, partial: bool) -> dict[str, Path]:
    """utterance -> wav file. What is missing is an error, or told when ``partial``."""
    stems = ((path, path.stem.lower()) for path in source.rglob("*.wav"))
    there = {archive_name(stem, "xitsonga"): path for path, stem in stems if NAME.fullmatch(stem)}
    require(there, f"'{source}' holds no audio of the corpus: expected files such as audio/001/nchlt_tso_001m_0007.wav")
    missing = [name for name in names if name not in there]
    told = f"{len(missing):,} of {len(names):,} utterances have no file beneath '{source}': {shortened(missing)}"
    require(len(missing) < len(names), told)
    require(partial or not missing, f"{told}; add them, or go on with --partial")
    if missing:
        print(f"sonant: {told}", file=sys.stderr)
    return {name: there[name] for name in sorted(names) if name in there}


def _utterances(
    files: dict[str, Path],
    words: dict[str, list[Segment]] | None,
    sounds: dict[str, list[Segment]] | None,
    skipped: Skipped,
    *,
    cut: str,
    check: bool,
) -> Iterator[tuple[Utterance, AudioInfo | None]]:
    found = headers(files.values(), skipped, check=check, total=len(files))
    for name, (path, info) in zip(files, found, strict=True):
        if info is None:
            continue
        if cut == CUT and name not in words:
            skipped.add(f"the alignment lacks the utterance {name}")
            continue
        speaker = speaker_of(name, "xitsonga")
        recording = Recording(
            id=name, path=path, speaker=speaker, words=(words or {}).get(name), phones=(sounds or {}).get(name),
            gender=speaker[-1],
        )  # fmt: skip
        for utterance in utterances_of(recording, cut=cut, language="ts", duration=info.duration):
            yield utterance, info
