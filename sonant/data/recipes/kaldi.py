"""A Kaldi data folder: wav.scp, and where there are any segments, utt2spk, text, spk2gender, utt2dur, reco2dur."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...core import SonantError, require, samples_of
from ..audio import AudioInfo
from ..kaldi import read_entries, read_scp
from ..manifest import Manifest, Utterance
from ._common import Skipped, headers, source_folder, write

ABOUT = "a Kaldi data folder: wav.scp, segments, utt2spk, text, spk2gender"


def prepare(
    source: Path | None,
    out: Path,
    *,
    root: Path | None = None,
    channel: int = 0,
    language: str | None = None,
    sample_rate: int | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of a Kaldi data folder. Commands in wav.scp are refused, never run.

    root         folder that relative paths in wav.scp start from; default: looked for from the working folder
                 and from the folders above wav.scp
    channel      which channel of files with several, from 0
    language     code of the language, for all utterances
    sample_rate  in Hz, of all files, mono: with reco2dur (or utt2dur and no segments) in the folder, no audio
                 file is opened then, which is fast and trusts the texts
    check        decode everything now, which finds truncated files and NaN samples
    strict       stop at the first unusable file instead of skipping it
    """
    folder = source_folder(source, "kaldi")
    require((folder / "wav.scp").is_file(), f"'{folder}' holds no wav.scp, so it is no Kaldi data folder")
    files = read_scp(folder / "wav.scp", root=root)
    tables = {name: _optional(folder / name) for name in ("segments", "utt2spk", "text", "spk2gender")}
    skipped = Skipped(strict=strict)
    if sample_rate is not None:
        infos = _from_durations(folder, files, sample_rate, segmented=bool(tables["segments"]))
    else:
        found = headers(files.values(), skipped, check=check, total=len(files))
        infos = ((name, info) for name, (_, info) in zip(files, found, strict=True))
    segments = _by_recording(tables["segments"], files, skipped)

    def utterances() -> Iterator[tuple[Utterance, AudioInfo | None]]:
        for name, info in infos:
            if info is None:
                continue
            whole = Utterance(id=name, path=str(files[name]), channel=channel, language=language, recording=name)
            parts = (
                [whole]
                if segments is None
                else [
                    replace(whole, id=id, start=start, duration=end - start)
                    for id, start, end in segments.get(name, ())
                ]
            )
            yield from ((_labelled(part, tables), info) for part in parts)

    return write(utterances(), out, name=folder.resolve().name, skipped=skipped)


def _labelled(utterance: Utterance, tables: dict[str, dict[str, str]]) -> Utterance:
    speaker = tables["utt2spk"].get(utterance.id)
    return replace(
        utterance,
        speaker=speaker,
        gender=tables["spk2gender"].get(speaker or ""),
        text=tables["text"].get(utterance.id) or None,
    )


def _optional(path: Path) -> dict[str, str]:
    return read_entries(path) if path.is_file() else {}


def _from_durations(
    folder: Path, files: dict[str, Path], rate: int, *, segmented: bool
) -> Iterator[tuple[str, AudioInfo]]:
    """Headers without opening a file."""
    names = ("reco2dur",) if segmented else ("reco2dur", "utt2dur")
    table = next((folder / name for name in names if (folder / name).is_file()), None)
    require(
        table is not None, f"sample_rate stands for opening the files, but '{folder}' holds no {' or '.join(names)}"
    )
    durations = read_entries(table)
    for name in files:
        require(name in durations, f"{table} lacks '{name}', which is in wav.scp")
        yield name, AudioInfo(sample_rate=rate, channels=1, samples=samples_of(_seconds(durations[name], table), rate))


def _by_recording(
    segments: dict[str, str], files: dict[str, Path], skipped: Skipped
) -> dict[str, list[tuple[str, float, float]]] | None:
    """recording -> (utterance, start s, end s) of each segment; None when there are none."""
    if not segments:
        return None
    found: dict[str, list[tuple[str, float, float]]] = {}
    for id, value in segments.items():
        fields = value.split()
        if len(fields) < 3:
            skipped.add(f"segment '{id}' reads '{value}'; it needs: recording start end")
        elif fields[0] not in files:
            skipped.add(f"segment '{id}' is of recording '{fields[0]}', which wav.scp lacks")
        else:
            start, end = (_seconds(field, id) for field in fields[1:3])
            found.setdefault(fields[0], []).append((id, start, end))
    return found


def _seconds(text: str, where: object) -> float:
    try:
        return float(text)
    except ValueError:
        raise SonantError(f"{where}: '{text}' is no time in seconds") from None
