"""Manifests: a corpus as a folder that training, extraction and evaluation read lazily.

``recordings.jsonl`` and ``supervisions.jsonl`` are the truth, in lhotse's format (one JSON object a line); ``table/``
is a memory-mapped index made from them, rebuilt when they change; ``manifest.json`` is a summary for people.
Paths beneath the manifest's folder are stored relative to it, so that the folder can move with its audio.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import SonantError, nearest, numpy_generator, require, samples_of, seconds_of
from ..core.files import write_json
from ..version import __version__
from .audio import AudioInfo, audio_info
from .table import Table, TableWriter, is_fresh

RECORDINGS, SUPERVISIONS, SUMMARY = "recordings.jsonl", "supervisions.jsonl", "manifest.json"
OVERRUN_S = 0.1  # how far a segment may reach past its recording before it is an error and not a rounding

Segment = tuple[str, float, float]  # label, onset, offset


@dataclass(frozen=True)
class Utterance:
    """A stretch of a recording and what is known of it.

    All times inside it (``words``, ``phones``, ``activity``) count in seconds from the utterance's own start.
    """

    id: str
    path: str  # of the recording
    channel: int | None = 0  # from 0; None: all channels
    start: float = 0.0  # s, in the recording
    duration: float = 0.0  # s
    sample_rate: int = 16_000  # Hz, of the recording
    speaker: str | None = None
    language: str | None = None
    text: str | None = None
    words: list[Segment] | None = None
    phones: list[Segment] | None = None
    activity: list[list[tuple[float, float]]] | None = None  # per channel: (onset, offset) of each stretch of voice
    gender: str | None = None
    recording: str | None = None  # id of the recording; None: the id of its first utterance


class ManifestWriter:
    """Writes a manifest line by line; nothing is visible before ``finish``.

    >>> with ManifestWriter(out, name="my corpus") as writer:
    ...     writer.add(Utterance(id="a", path="a.wav", duration=1.5))
    ...     manifest = writer.finish()
    """

    def __init__(self, folder: str | Path, *, name: str | None = None):
        self.folder = Path(folder)
        self.name = name or self.folder.name
        _make_folder(self.folder)
        self.table = TableWriter(self.folder / "table")
        self.parts = {file: (self.table.partial / file).open("wb") for file in (RECORDINGS, SUPERVISIONS)}
        self.line = 0  # byte offset of the next supervision
        self.ids: set[str] = set()
        self.recordings: dict[str, tuple[str, int, AudioInfo]] = {}  # path -> id, number, header
        self.recording_ids: set[str] = set()
        self.finished = False

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, *_) -> None:
        if not self.finished:
            for file in self.parts.values():
                file.close()
            self.table.discard()

    def __len__(self) -> int:
        return len(self.table)

    def add(self, utterance: Utterance, *, info: AudioInfo | None = None) -> None:
        """Append an utterance.

        Args:
            utterance: ``duration`` 0 stands for the rest of the recording.
            info: the recording's header; None: it is read from the file when its path is new.

        Raises:
            SonantError: a known id, unreadable audio, a segment outside its recording.
        """
        u = utterance
        require(u.id and u.id not in self.ids, f"utterance id '{u.id}' is empty or comes twice; ids must be unique")
        path = stored_path(u.path, self.folder)
        if path in self.recordings:
            recording, number, info = self.recordings[path]
        else:
            info = info or audio_info(u.path)
            recording, number = u.recording or u.id, -1
            require(
                recording not in self.recording_ids,
                f"recording id '{recording}' names two files, the second is '{u.path}'; recording ids must be unique",
            )
        start, duration, samples = _span(u, info)
        require(
            u.channel is None or 0 <= u.channel < info.channels,
            f"utterance '{u.id}' is on channel {u.channel}; '{u.path}' has {info.channels}, counted from 0",
        )
        if number < 0:
            number = self._recording(recording, path, info)
        self.table.add(
            id=u.id, speaker=u.speaker, language=u.language, start=start, duration=duration, num_samples=samples,
            sample_rate=info.sample_rate, channel=-1 if u.channel is None else u.channel, path=number, line=self.line,
        )  # fmt: skip
        self.line += self._write(SUPERVISIONS, _supervision(u, recording, start, duration, info.channels))
        self.ids.add(u.id)

    def finish(self, *, notes: dict | None = None) -> Manifest:
        """Put the manifest in place and open it. ``notes``: further entries of ``manifest.json``."""
        require(
            len(self), f"nothing to write to '{self.folder}': no utterance was found; check the folder and the options"
        )
        for file, part in self.parts.items():
            part.close()
            os.replace(self.table.partial / file, self.folder / file)
        table = self.table.finish([self.folder / RECORDINGS, self.folder / SUPERVISIONS])
        self.finished = True
        write_json(self.folder / SUMMARY, {**_summary(self.name, table), **(notes or {})})
        return Manifest(self.folder, table)

    def _recording(self, id: str, path: str, info: AudioInfo) -> int:
        channels = list(range(info.channels))
        number = self.table.add_path(path)
        self._write(
            RECORDINGS,
            {
                "id": id,
                "sources": [{"type": "file", "channels": channels, "source": path}],
                "sampling_rate": info.sample_rate,
                "num_samples": info.samples,
                "duration": info.duration,
                "channel_ids": channels,
            },
        )
        self.recordings[path] = (id, number, info)
        self.recording_ids.add(id)
        return number

    def _write(self, file: str, value: dict) -> int:
        return self.parts[file].write((json.dumps(value, ensure_ascii=False) + "\n").encode())


class Manifest:
    """A corpus on disk: ``len``, ``utterance(i)``, iteration, and ``table`` with one column per quantity."""

    def __init__(self, folder: Path, table: Table):
        self.folder, self.table = Path(folder), table

    @classmethod
    def open(cls, folder: str | Path) -> Manifest:
        """Open a manifest folder; its table is rebuilt first when the JSONL files have changed since.

        Raises SonantError when the folder holds no manifest.
        """
        folder = Path(folder)
        sources = [folder / file for file in (RECORDINGS, SUPERVISIONS) if (folder / file).is_file()]
        if not (folder / RECORDINGS).is_file():
            raise _no_manifest(folder)
        if is_fresh(folder / "table", sources):
            return cls(folder, Table(folder / "table"))
        from .rebuild import rebuild

        manifest = cls(folder, rebuild(folder, sources))
        if not (folder / SUMMARY).is_file():
            write_json(folder / SUMMARY, _summary(folder.resolve().name, manifest.table))
        return manifest

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Utterance]:
        """All utterances, one after another, in one pass over the files."""
        with self._lines() as stream:
            for index in range(len(self)):
                yield self._utterance(index, stream)

    def utterance(self, index: int) -> Utterance:
        """The utterance number ``index`` with all its labels, whatever the size of the corpus."""
        require(-len(self) <= index < len(self), f"utterance {index} of {len(self)} in '{self.folder}'")
        with self._lines() as stream:
            return self._utterance(index % len(self), stream)

    def unlabelled(self, index: int) -> Utterance:
        """The utterance number ``index`` as far as the table tells it: without text, alignment and activity."""
        return self._utterance(index, None)

    def path(self, index: int) -> Path:
        """The audio file of an utterance."""
        return self.folder / self.table.paths[int(self.table.path[index])]

    @property
    def speakers(self) -> list[str]:
        return self.table.speakers

    @property
    def languages(self) -> list[str]:
        return self.table.languages

    @property
    def hours(self) -> float:
        return float(self.table.duration.sum()) / 3600

    @property
    def summary(self) -> dict:
        """What ``manifest.json`` says."""
        path = self.folder / SUMMARY
        return json.loads(path.read_text()) if path.is_file() else {}

    def split(
        self, fraction: float, *, seed: int = 0, by: Literal["utterance", "speaker"] = "utterance"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Two sorted arrays of utterance numbers, the second with about ``fraction`` of all, drawn by ``seed``.

        ``by="speaker"`` keeps every speaker on one side; utterances without speaker stay in the first part.
        """
        require(0 <= fraction < 1, f"the part to hold out must be in [0, 1), got {fraction}")
        everything = np.arange(len(self))
        if fraction == 0 or len(self) < 2:
            return everything, everything[:0]
        wanted = max(1, round(fraction * len(self)))
        generator = numpy_generator(seed, "split", by)
        if by == "utterance":
            held = np.sort(generator.permutation(len(self))[:wanted])
        else:
            held = self._speakers_for(wanted, generator)
        return np.setdiff1d(everything, held, assume_unique=True), held

    def _speakers_for(self, wanted: int, generator: np.random.Generator) -> np.ndarray:
        require(
            len(self.speakers) >= 2,
            f"'{self.folder}' has {len(self.speakers)} speaker(s): a split by speaker needs 2; split by utterance",
        )
        speaker = np.asarray(self.table.speaker)
        counts = np.bincount(speaker[speaker >= 0], minlength=len(self.speakers))
        order = generator.permutation(len(self.speakers))
        taken = 1 + int(np.searchsorted(np.cumsum(counts[order]), wanted))
        return np.flatnonzero(np.isin(speaker, order[: min(taken, len(order) - 1)]))

    def _lines(self):
        has_labels = (self.folder / SUPERVISIONS).is_file()
        return (self.folder / (SUPERVISIONS if has_labels else RECORDINGS)).open("rb")

    def _utterance(self, index: int, stream) -> Utterance:
        table, labels = self.table, {}
        line = int(table.line[index])
        if line >= 0 and stream is not None:
            stream.seek(line)
            labels = json.loads(stream.readline())
        start, channel = float(table.start[index]), int(table.channel[index])
        alignment = labels.get("alignment") or {}
        activity = (labels.get("custom") or {}).get("activity")
        return Utterance(
            id=table.ids[index],
            path=str(self.path(index)),
            channel=None if channel < 0 else channel,
            start=start,
            duration=float(table.duration[index]),
            sample_rate=int(table.sample_rate[index]),
            speaker=_name(table.speakers, table.speaker[index]),
            language=_name(table.languages, table.language[index]),
            text=labels.get("text"),
            words=_segments(alignment, ("word", "words"), start),
            phones=_segments(alignment, ("phone", "phones", "phoneme"), start),
            activity=None if activity is None else [[tuple(stretch) for stretch in one] for one in activity],
            gender=labels.get("gender"),
            recording=labels.get("recording_id"),
        )


def stored_path(path: str | Path, folder: Path) -> str:
    """How a manifest in ``folder`` names an audio file: relative when beneath it, else absolute."""
    absolute, base = os.path.abspath(path), os.path.join(os.path.abspath(folder), "")
    return absolute[len(base) :] if absolute.startswith(base) else absolute


def _span(u: Utterance, info: AudioInfo) -> tuple[float, float, int]:
    """(start s, duration s, samples) of an utterance, cut at the end of its recording."""
    duration = u.duration or info.duration - u.start
    require(
        u.start >= 0 and duration > 0 and u.start + duration <= info.duration + OVERRUN_S and u.start < info.duration,
        f"utterance '{u.id}' from {u.start:g} s to {u.start + duration:g} s lies outside '{u.path}' "
        f"({info.duration:.3f} s)",
    )
    first, rest = samples_of(u.start, info.sample_rate), samples_of(duration, info.sample_rate)
    samples = min(rest, info.samples - first)
    require(samples > 0, f"utterance '{u.id}' of '{u.path}' is shorter than a sample")
    return u.start, (duration if samples == rest else seconds_of(samples, info.sample_rate)), samples


def _supervision(u: Utterance, recording: str, start: float, duration: float, channels: int) -> dict:
    """An utterance as lhotse's SupervisionSegment; alignment counts from the start of the recording there."""
    alignment = {
        kind: [[label, round(start + onset, 6), round(offset - onset, 6)] for label, onset, offset in segments]
        for kind, segments in (("word", u.words), ("phone", u.phones))
        if segments is not None
    }
    value = {
        "id": u.id,
        "recording_id": recording,
        "start": start,
        "duration": duration,
        "channel": u.channel if u.channel is not None else (list(range(channels)) if channels > 1 else 0),
        "text": u.text,
        "language": u.language,
        "speaker": u.speaker,
        "gender": u.gender,
        "custom": None if u.activity is None else {"activity": u.activity},
        "alignment": alignment or None,
    }
    return {key: item for key, item in value.items() if item is not None}


def _segments(alignment: dict, kinds: tuple[str, ...], start: float) -> list[Segment] | None:
    for kind in kinds:
        if kind in alignment:
            return [
                (label, round(onset - start, 6), round(onset - start + length, 6))
                for label, onset, length, *_ in alignment[kind]
            ]
    return None


def _name(names: list[str], index: int) -> str | None:
    return None if index < 0 else names[int(index)]


def _summary(name: str, table: Table) -> dict:
    return {
        "name": name,
        "utterances": len(table),
        "recordings": len(table.paths),
        "speakers": len(table.speakers),
        "hours": round(float(table.duration.sum()) / 3600, 4),
        "languages": table.languages,
        "sample_rates": sorted({int(rate) for rate in np.unique(table.sample_rate)}),
        "sonant": __version__,
    }


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SonantError(f"cannot write a manifest to '{folder}': {error.strerror}") from None


def _no_manifest(folder: Path) -> SonantError:
    if folder.is_file():
        return SonantError(f"'{folder}' is a file; a manifest is a folder: sonant prepare folder AUDIO OUT")
    if not folder.is_dir():
        parent = folder.parent
        near = nearest(folder.name, [child.name for child in parent.iterdir()]) if parent.is_dir() else ""
        return SonantError(f"no manifest folder '{folder}'.{near} Make one: sonant prepare folder AUDIO '{folder}'")
    if (folder / f"{RECORDINGS}.gz").is_file():
        return SonantError(f"'{folder}' holds packed manifests; unpack them with gunzip")
    return SonantError(
        f"'{folder}' holds no {RECORDINGS}, so it is no manifest; make one with: sonant prepare folder '{folder}' OUT"
    )
