"""The Buckeye corpus of conversational speech (Pitt et al., 2007) in the splits of the zero-resource word recipes.

As distributed: an archive per speaker (``s01.zip``) that holds one per recording (``s0101a.zip``) with ``.wav``,
``.words``, ``.phones``, ``.txt``; or these files unpacked, in any folders. A label file has a header that ends in a
line ``#``, then ``time colour label; ...`` a line, where the time is the END of the label, in seconds.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...core import SonantError, require
from ...core.files import write_atomically
from ..alignments import Segment, read_alignment
from ..audio import AudioInfo
from ..keys import archive_name
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, source_folder, write
from ._stretches import Recording, chosen_splits, shortened, utterances_of

ABOUT = "the Buckeye corpus (your copy): splits devpart1, devpart2, zs, testpart2, with words and phones"
SPLITS = {
    "devpart1": ("s02", "s03", "s04", "s05", "s06", "s08", "s10", "s11", "s12", "s13", "s16", "s38"),
    "devpart2": ("s17", "s18", "s19", "s22", "s34", "s37", "s39", "s40"),
    "zs": ("s01", "s20", "s23", "s24", "s25", "s26", "s27", "s29", "s30", "s31", "s32", "s33"),
    "testpart2": ("s07", "s09", "s14", "s15", "s21", "s28", "s35", "s36"),
}
RECORDING = re.compile(r"s\d{4}[ab]")
PARTS = (".wav", ".words", ".phones", ".txt")
NOT_SPOKEN = re.compile(r"[<{].*|SIL|NOISE|VOCNOISE|IVER|LAUGH|UNKNOWN|CUTOFF")  # labels of .words and .phones


def prepare(
    source: Path | None,
    out: Path,
    *,
    splits: str | None = None,
    utterances: Literal["speech", "recordings"] = "speech",
    alignment: Path | None = None,
    partial: bool = False,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make the manifests OUT/devpart1, OUT/devpart2, OUT/zs and OUT/testpart2 from a copy of the corpus.

    splits      which of them, with commas; default: all four. devpart1 is for training, devpart2 for validation,
                zs for the test
    utterances  speech: one for every stretch of words without pause, noise or interviewer;
                recordings: whole files
    alignment   forced alignment of words to use in place of the .words files: utterance start end label, SIL and
                SPN where nobody speaks
    partial     go on when speakers are missing
    check       decode everything now, which finds truncated files and NaN samples
    strict      stop at the first unusable file instead of skipping it

    Recordings that are still packed are unpacked into OUT/audio.
    """
    source = source_folder(source, "buckeye")
    wanted = chosen_splits(splits, SPLITS)
    files = _recordings(source, Path(out) / "audio", {speaker for split in wanted for speaker in SPLITS[split]})
    _check_speakers(source, files, wanted, partial=partial)
    aligned = None
    if alignment is not None:
        aligned = {archive_name(name, "english"): segments for name, segments in read_alignment(alignment).items()}
    made = []
    for split in wanted:
        own = [path for name, path in files.items() if name[:3] in SPLITS[split]]
        if not own:
            continue
        skipped = Skipped(strict=strict)
        items = _utterances(own, aligned, skipped, cut=utterances, check=check)
        made.append(write(items, Path(out) / split, name=f"buckeye {split}", skipped=skipped))
        print(f"sonant: {made[-1].folder}: {len(own)} recordings, {len(made[-1]):,} utterances", file=sys.stderr)
    return made[0]


def read_labels(path: Path) -> list[Segment]:
    """(label, onset, offset) of a ``.words`` or ``.phones`` file; what nobody says is labelled ``SIL``.

    Labels that end before they begin, which the corpus has a few of, are left out.
    """
    lines = iter(path.read_text(encoding="latin-1").splitlines())
    require(any(line.strip() == "#" for line in lines), f"'{path}' has no line '#', which ends the header of labels")
    found, before = [], 0.0
    for line in lines:
        fields = line.split(maxsplit=2)
        if not fields:
            continue
        try:
            end = float(fields[0])
        except ValueError:
            raise SonantError(f"'{path}': the line '{line.strip()}' does not begin with a time in seconds") from None
        label = fields[2].split(";")[0].strip().split("+")[0].strip() if len(fields) > 2 else ""
        if end > before:
            found.append(("SIL" if not label or NOT_SPOKEN.fullmatch(label) else label, before, end))
            before = end
    return found


def _utterances(
    files: list[Path], aligned: dict[str, list[Segment]] | None, skipped: Skipped, *, cut: str, check: bool
) -> Iterator[tuple[Utterance, AudioInfo | None]]:
    for path, info in headers(files, skipped, check=check, total=len(files)):
        if info is None:
            continue
        try:
            recording = _described(path, aligned)
        except SonantError as error:
            skipped.add(error)
            continue
        found = utterances_of(recording, cut=cut, language="en", duration=info.duration)
        yield from ((utterance, info) for utterance in found)


def _described(path: Path, aligned: dict[str, list[Segment]] | None) -> Recording:
    """A recording with what stands beside it."""
    name = path.stem.lower()
    words, phones = path.with_suffix(".words"), path.with_suffix(".phones")
    if aligned is None:
        require(words.is_file(), f"'{path}' has no {words.name} beside it; copy it there, or give --alignment")
    else:
        require(name in aligned, f"the alignment lacks the recording {name}")
    return Recording(
        id=name,
        path=path,
        speaker=name[:3],
        words=read_labels(words) if aligned is None else aligned[name],
        phones=read_labels(phones) if phones.is_file() else None,
    )


def _recordings(source: Path, unpacked: Path, speakers: set[str]) -> dict[str, Path]:
    """recording -> wav file, sorted; what is packed is unpacked first."""
    found = _audio(source) | _audio(unpacked)
    for path in sorted(source.rglob("*.zip")):
        name = path.stem.lower()
        if name[:3] in speakers and name not in found:
            _unpack(path, unpacked / name[:3], known=set(found))
    found |= _audio(unpacked)
    return {name: found[name] for name in sorted(found) if name[:3] in speakers}


def _audio(folder: Path) -> dict[str, Path]:
    return {path.stem.lower(): path for path in folder.rglob("*.wav") if RECORDING.fullmatch(path.stem.lower())}


def _unpack(archive: Path | io.BytesIO, folder: Path, *, known: set[str]) -> None:
    """Write the files of the recordings that are not known, of an archive and of archives in it, flat into a folder.

    The audio comes last, so that a recording whose audio is there is there as a whole.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = [(Path(entry.filename.lower()), entry) for entry in packed.infolist()]
            for name, entry in sorted(entries, key=lambda one: one[0].suffix == ".wav"):
                if name.stem in known or not RECORDING.fullmatch(name.stem):
                    continue
                if name.suffix == ".zip":
                    _unpack(io.BytesIO(packed.read(entry)), folder, known=known)
                elif name.suffix in PARTS:
                    write_atomically(folder / name.name, lambda stream, entry=entry: stream.write(packed.read(entry)))
    except (zipfile.BadZipFile, EOFError) as error:
        raise SonantError(f"cannot unpack '{archive}': {error}; copy it again") from None


def _check_speakers(source: Path, files: dict[str, Path], splits: list[str], *, partial: bool) -> None:
    there = {name[:3] for name in files}
    lacking = {split: [one for one in SPLITS[split] if one not in there] for split in splits}
    told = "; ".join(f"{split} lacks {shortened(missing, 12)}" for split, missing in lacking.items() if missing)
    require(
        files,
        f"'{source}' holds no recording of {', '.join(splits)}: expected files such as s01/s0101a.wav with "
        "s0101a.words beside it, or s01.zip",
    )
    if told and partial:
        print(f"sonant: speakers are missing: {told}", file=sys.stderr)
    require(
        partial or not told,
        f"speakers are missing beneath '{source}': {told}; add them, choose --splits, or go on with --partial",
    )
