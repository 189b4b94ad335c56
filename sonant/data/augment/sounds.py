"""The files that augmentation draws from: noises and impulse responses, by kind.

Letters: L samples.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core import SonantError, require, seconds_of
from ..audio import find_audio, read_audio, read_headers, resampled_count
from ..cache import WaveCache
from ..manifest import RECORDINGS, Manifest
from .config import KINDS, Kind

ATTEMPTS = 100  # unreadable files in a row before the folder is at fault and not a file


@dataclass(frozen=True)
class _Track:
    """One channel of a file, or of a stretch of it."""

    path: str
    channel: int | None  # None: the mean of all
    start_s: float
    samples: int  # at the rate of the augmentation
    speaker: str | None = None


class Sounds:
    """Audio files of a folder or a manifest, read at one rate and kept in memory up to a bound.

    Args:
        where: folder of audio files, or of a manifest.
        sample_rate: Hz.
        cache_mb: MB of memory, shared by worker processes; the shortest files are kept and others read every time.
        exact: keep float32; otherwise what is kept is rounded to 16 bits.
        setting: of the configuration, for messages.

    Attributes:
        kinds: those of ``music``, ``speech`` and ``noise`` that are there: by the name of a folder, or by the first
            word of the file's name (``music-fma-0000.wav``); all else is noise.
        unusable: files whose header could not be read, with the reason.

    Raises:
        SonantError: no such folder, no audio in it.
    """

    def __init__(self, where: str | Path, *, sample_rate: int, cache_mb: int, exact: bool = False, setting: str):
        self.sample_rate, self.setting, self.where = sample_rate, setting, str(where)
        self.unusable: dict[str, str] = {}
        folder = Path(where)
        require(folder.is_dir(), f"{setting} '{where}' is no folder; give a folder of audio files, or of a manifest")
        listed = (folder / RECORDINGS).is_file()
        files = _of_manifest(folder, sample_rate) if listed else self._of_folder(folder)
        require(files, f"{setting} '{where}' holds no audio that can be read; give a folder of audio files")
        self.tracks = [track for tracks in files for track in tracks]
        self.first = np.cumsum([0] + [len(tracks) for tracks in files])  # file -> its first track
        self.of_kind = _by_kind([tracks[0].path for tracks in files], Path(where))
        self.kinds: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind in self.of_kind)
        self.cache, self.place = _cache(self.tracks, cache_mb, np.float32 if exact else np.int16)

    def __len__(self) -> int:
        """Files."""
        return len(self.first) - 1

    def draw(
        self, generator: np.random.Generator, *, kind: Kind | None = None, count: int | None = None,
        repeat: bool = True, avoid: str | None = None, skipped: dict[str, str] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """A window of a random channel of a random file; of a kind, or (None) of all.

        Args:
            generator: three numbers are drawn, whatever is found.
            count: samples; shorter files are repeated. None: the whole file.
            repeat: False: zeros follow shorter files instead.
            avoid: a speaker whose utterances are passed over (of manifests that name speakers).
            skipped: where unreadable files are noted, path -> reason; another takes their place. None: they are errors.

        Returns:
            (count,) float32.
        """
        number, channel, place = generator.random(3)
        files = self.of_kind[kind] if kind is not None else np.arange(len(self))
        step = 1 if avoid is None else _far(len(files))
        reason = f"all are of the speaker '{avoid}'"
        for attempt in range(ATTEMPTS):
            file = int(files[(int(number * len(files)) + attempt * step) % len(files)])
            first, end = int(self.first[file]), int(self.first[file + 1])
            track = first + int(channel * (end - first))
            if avoid is not None and self.tracks[track].speaker == avoid:
                continue
            try:
                return _fitted(self._window(track, place, count), count, repeat=repeat)
            except SonantError as error:
                if skipped is None:
                    raise
                reason = skipped[self.tracks[track].path] = str(error)
        raise SonantError(f"{ATTEMPTS} files of {self.setting} '{self.where}' cannot be used; the last: {reason}")

    def _window(self, track: int, place: float, count: int | None) -> np.ndarray:
        total = self.tracks[track].samples
        if count is None or total <= count:
            return self._read(track, 0, total)
        return self._read(track, int(place * (total - count + 1)), count)

    def _read(self, track: int, start: int, count: int) -> np.ndarray:
        slot = int(self.place[track])
        if slot < 0:
            return self._decode(track, start, count)
        wave_L = self.cache.get(slot, start, count)
        if wave_L is None:
            self.cache.put(slot, self._decode(track, 0, self.tracks[track].samples))
            wave_L = self.cache.get(slot, start, count)
        return wave_L

    def _decode(self, track: int, start: int, count: int) -> np.ndarray:
        one = self.tracks[track]
        wave, _ = read_audio(
            one.path,
            start_s=one.start_s + seconds_of(start, self.sample_rate),
            duration_s=seconds_of(count, self.sample_rate),
            channel=one.channel,
            sample_rate=self.sample_rate,
        )
        return wave if wave.ndim == 1 else wave.mean(axis=0, dtype=np.float32)

    def _of_folder(self, folder: Path) -> list[list[_Track]]:
        """The tracks of each file, one a channel."""
        files = []
        for path, info in read_headers(find_audio(folder)):
            if isinstance(info, SonantError):
                self.unusable[str(path)] = str(info)
                continue
            samples = int(resampled_count(info.samples, info.sample_rate, self.sample_rate))
            if samples > 0:
                files.append([_Track(str(path), channel, 0.0, samples) for channel in range(info.channels)])
        return files


def _of_manifest(folder: Path, sample_rate: int) -> list[list[_Track]]:
    """The utterances of each recording."""
    manifest = Manifest.open(folder)
    table = manifest.table
    samples = resampled_count(table.num_samples[:], table.sample_rate[:].astype(np.int64), sample_rate)
    files: dict[int, list[_Track]] = {}
    for row in np.flatnonzero(samples > 0):
        channel, speaker = int(table.channel[row]), int(table.speaker[row])
        track = _Track(
            str(manifest.path(int(row))),
            None if channel < 0 else channel,
            float(table.start[row]),
            int(samples[row]),
            table.speakers[speaker] if speaker >= 0 else None,
        )
        files.setdefault(int(table.path[row]), []).append(track)
    return list(files.values())


def _by_kind(paths: list[str], root: Path) -> dict[Kind, np.ndarray]:
    """kind -> numbers of the files."""
    found: dict[Kind, list[int]] = {}
    for number, path in enumerate(paths):
        parts = os.path.relpath(path, root).lower().split(os.sep)
        named = [part for part in (*parts[:-1], parts[-1].split("-")[0]) if part in KINDS]
        found.setdefault(named[-1] if named else "noise", []).append(number)
    return {kind: np.array(numbers) for kind, numbers in found.items()}


def _cache(tracks: list[_Track], megabytes: int, dtype: type) -> tuple[WaveCache | None, np.ndarray]:
    """Memory for the shortest tracks, and where each lies in it (-1: nowhere)."""
    samples = np.array([track.samples for track in tracks])
    order = np.argsort(samples, kind="stable")
    fits = np.cumsum(samples[order]) * np.dtype(dtype).itemsize <= megabytes * 1_000_000
    place = np.full(len(tracks), -1)
    place[order[fits]] = np.arange(int(fits.sum()))
    return (WaveCache(samples[order[fits]], dtype=dtype) if fits.any() else None), place


def _far(count: int) -> int:
    """A step by which numbers beneath ``count`` are all met, neighbours far apart (speakers' files lie together)."""
    step = max(int(0.618 * count), 1)
    while math.gcd(step, count) > 1:
        step += 1
    return step


def _fitted(wave_L: np.ndarray, count: int | None, *, repeat: bool) -> np.ndarray:
    """(count,) of a wave, repeated or with zeros behind it; None: as it is."""
    if count in (None, len(wave_L)):
        return wave_L
    return np.resize(wave_L, count) if repeat else np.pad(wave_L[:count], (0, max(count - len(wave_L), 0)))
