"""The table of a manifest whose JSONL files were written or edited by something else."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path

from ..core import SonantError, require, samples_of
from .table import Table, TableWriter


def rebuild(folder: Path, sources: list[Path]) -> Table:
    """Read ``recordings.jsonl`` and, where there is one, ``supervisions.jsonl`` once and write the table.

    Without supervisions every recording is an utterance. Raises SonantError naming file and line of what is wrong.
    """
    try:
        writer = TableWriter(folder / "table")
    except OSError as error:
        raise SonantError(
            f"the table of '{folder}' is missing or older than its .jsonl files and cannot be rebuilt "
            f"({error.strerror}); copy the folder to where you may write"
        ) from None
    try:
        recordings = _Recordings(writer, sources[0])
        if len(sources) == 1:
            recordings.as_utterances()
        else:
            _supervisions(writer, recordings, sources[1])
        require(len(writer), f"'{folder}' holds no utterance")
        return writer.finish(sources)
    except BaseException:
        writer.discard()
        raise


class _Recordings:
    """Headers of all recordings, by id, in flat arrays."""

    def __init__(self, writer: TableWriter, source: Path):
        self.writer, self.number = writer, {}
        self.rate, self.samples, self.channels = array("i"), array("q"), array("h")
        for where, _, value in _objects(source, ("id", "sources", "sampling_rate", "num_samples")):
            self._add(where, value)

    def _add(self, where: str, value: dict) -> None:
        kinds = [source.get("type") for source in value["sources"]]
        require(
            kinds == ["file"],
            f"{where}: recording '{value['id']}' has sources {kinds}; sonant reads recordings of one file each",
        )
        require(value["id"] not in self.number, f"{where}: recording id '{value['id']}' comes twice")
        self.number[value["id"]] = self.writer.add_path(str(value["sources"][0]["source"]))
        self.rate.append(int(value["sampling_rate"]))
        self.samples.append(int(value["num_samples"]))
        self.channels.append(len(value["sources"][0].get("channels") or [0]))

    def as_utterances(self) -> None:
        for id, number in self.number.items():
            rate, samples = self.rate[number], self.samples[number]
            self.writer.add(
                id=id, speaker=None, language=None, start=0.0, duration=samples / rate, num_samples=samples,
                sample_rate=rate, channel=0 if self.channels[number] == 1 else -1, path=number, line=-1,
            )  # fmt: skip


def _supervisions(writer: TableWriter, recordings: _Recordings, source: Path) -> None:
    seen: set[str] = set()
    for where, line, value in _objects(source, ("id", "recording_id", "start", "duration")):
        id, recording = str(value["id"]), value["recording_id"]
        require(id not in seen, f"{where}: utterance id '{id}' comes twice; ids must be unique")
        require(recording in recordings.number, f"{where}: utterance '{id}' is of unknown recording '{recording}'")
        seen.add(id)
        number = recordings.number[recording]
        rate, start = recordings.rate[number], float(value["start"])
        samples = min(samples_of(float(value["duration"]), rate), recordings.samples[number] - samples_of(start, rate))
        require(start >= 0 and samples > 0, f"{where}: utterance '{id}' lies outside its recording '{recording}'")
        writer.add(
            id=id, speaker=value.get("speaker"), language=value.get("language"), start=start,
            duration=float(value["duration"]), num_samples=samples, sample_rate=rate,
            channel=_channel(value.get("channel", 0), recordings.channels[number]), path=number, line=line,
        )  # fmt: skip


def _channel(channel: int | list[int], channels: int) -> int:
    """lhotse's channel or list of channels as a column entry: -1 stands for all of several."""
    if isinstance(channel, list):
        return channel[0] if len(channel) == 1 else -1
    return int(channel)


def _objects(source: Path, keys: tuple[str, ...]) -> Iterator[tuple[str, int, dict]]:
    """(place for messages, byte offset, object) of every line."""
    offset = 0
    with source.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            where = f"{source}, line {number}"
            if line.strip():
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise SonantError(f"{where} is no JSON ({error}); the file was edited or cut off") from None
                missing = [key for key in keys if not isinstance(value, dict) or key not in value]
                require(not missing, f"{where} lacks {', '.join(missing)}; it is not in lhotse's format")
                yield where, offset, value
            offset += len(line)
