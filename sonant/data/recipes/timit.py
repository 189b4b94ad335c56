"""TIMIT (Garofolo et al., 1993): 630 speakers of American English, ten sentences each, with phones and words.

``TRAIN/DR1/FCJF0/SA1.WAV`` (SPHERE or RIFF) with ``SA1.PHN``, ``SA1.WRD`` and ``SA1.TXT`` beside it, in upper or lower
case: lines ``first-sample end-sample label``, at 16 kHz. The sentences SA1 and SA2 are the same for every speaker.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ...core import SonantError, require, seconds_of
from ...core.files import read_lines
from ..audio import AudioInfo
from ..manifest import Manifest, Segment, Utterance
from ._common import Skipped, headers, source_folder, write
from ._stretches import chosen_splits

ABOUT = "TIMIT (your copy): splits train, test, core, with phones (61 labels) and words"
RATE = 16_000  # Hz, of the times in label files
CORE = (  # two men and one woman of each of the eight regions, for the core test set
    *("MDAB0", "MWBT0", "FELC0", "MTAS1", "MWEW0", "FPAS0", "MJMP0", "MLNT0", "FPKT0", "MLLL0", "MTLS0", "FJLM0"),
    *("MBPM0", "MKLT0", "FNLP0", "MCMJ0", "MJDH0", "FMGD0", "MGRT0", "MNJM0", "FDHC0", "MJLN0", "MPAM0", "FMLD0"),
)
SPLITS = {"train": (), "test": (), "core": CORE}
SENTENCE = re.compile(r"S[AIX]\d+", re.IGNORECASE)


def prepare(
    source: Path | None,
    out: Path,
    *,
    splits: str | None = None,
    sa: bool = True,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make the manifests OUT/train, OUT/test and OUT/core with ids such as FCJF0_SI1027.

    splits  which of them, with commas; default: all three. core is the part of test by the 24 core speakers
    sa      with the sentences SA1 and SA2, which all speakers read; --no-sa leaves them out, as usual for phones
    check   decode everything now, which finds truncated files and NaN samples
    strict  stop at the first unusable file instead of skipping it
    """
    source = source_folder(source, "timit")
    made = []
    for split in chosen_splits(splits, SPLITS):
        files = _files(source, "test" if split == "core" else split, sa=sa)
        files = [path for path in files if not SPLITS[split] or path.parent.name.upper() in SPLITS[split]]
        if not files:
            print(f"sonant: nothing of {split} is there; it is left out", file=sys.stderr)
            continue
        skipped = Skipped(strict=strict)
        items = _utterances(files, skipped, check=check)
        made.append(write(items, Path(out) / split, name=f"timit {split}", skipped=skipped))
        print(f"sonant: {made[-1].folder}: {len(made[-1]):,} utterances", file=sys.stderr)
    require(made, f"'{source}' holds no recording of TIMIT: expected TRAIN/DR1/FCJF0/SA1.WAV, in any case")
    return made[0]


def read_labels(path: Path) -> list[Segment]:
    """(label, onset, offset) in seconds of a ``.PHN`` or ``.WRD`` file; labels that end before they begin are left out.

    Raises SonantError naming the line that does not read ``first-sample end-sample label``.
    """
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if not fields:
            continue
        good = len(fields) == 3 and fields[0].isdecimal() and fields[1].isdecimal()
        require(good, f"'{path}' line {number} does not read 'first-sample end-sample label': '{line.strip()}'")
        first, end = int(fields[0]), int(fields[1])
        if end > first:
            found.append((fields[2], seconds_of(first, RATE), seconds_of(end, RATE)))
    return found


def _files(source: Path, split: str, *, sa: bool) -> list[Path]:
    """The recordings of a part, one for each sentence (copies beside them are called SA1.WAV.wav)."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(source.rglob("*")):
        name = path.name.split(".")[0]
        parts = [part.lower() for part in path.relative_to(source).parts[:-2]]
        inside = split in parts or (not {"train", "test"} & set(parts) and source.name.lower() == split)
        wanted = SENTENCE.fullmatch(name) and (sa or name[:2].upper() != "SA")
        if inside and wanted and path.suffix.lower() in (".wav", ".sph", ".flac"):
            found.setdefault((path.parent.name.upper(), name.upper()), path)
    return [found[key] for key in sorted(found)]


def _utterances(
    files: list[Path], skipped: Skipped, *, check: bool
) -> Iterator[tuple[Utterance, AudioInfo | None]]:  # fmt: skip
    for path, info in headers(files, skipped, check=check, total=len(files)):
        if info is None:
            continue
        try:
            labels = {kind: _beside(path, suffix) for kind, suffix in (("phones", ".phn"), ("words", ".wrd"))}
            labels = {kind: read_labels(file) for kind, file in labels.items() if file is not None}
        except SonantError as error:
            skipped.add(error)
            continue
        speaker, sentence = path.parent.name.upper(), path.name.split(".")[0].upper()
        yield (
            Utterance(
                id=f"{speaker}_{sentence}",
                path=str(path),
                speaker=speaker,
                language="en",
                text=_text(path),
                gender=speaker[0],
                **labels,
            ),
            info,
        )


def _beside(path: Path, suffix: str) -> Path | None:
    """A file of the same sentence, in the case that is there."""
    stem = path.name.split(".")[0]
    names = [f"{stem}{suffix}", f"{stem}{suffix.upper()}", f"{stem.lower()}{suffix}", f"{stem.upper()}{suffix.upper()}"]
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _text(path: Path) -> str | None:
    """The sentence as it was prompted, after its first and last sample."""
    file = _beside(path, ".txt")
    fields = file.read_text(encoding="utf-8", errors="replace").split(maxsplit=2) if file is not None else []
    return fields[2].strip() if len(fields) == 3 else None
