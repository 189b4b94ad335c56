"""Audio files in, float32 samples out: any common format, any rate, any window of the file.

Letters: C channels, L samples.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ..core import SonantError, require, samples_of, seconds_of

SOUNDFILE_SUFFIXES = {
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".sph", ".nist", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".w64", ".rf64", ".voc"),
}
FFMPEG_SUFFIXES = {".m4a", ".aac", ".mp4", ".m4b", ".wma", ".webm", ".mka", ".mkv", ".mov", ".amr", ".3gp", ".ac3"}
SUFFIXES = SOUNDFILE_SUFFIXES | FFMPEG_SUFFIXES
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000  # Hz; anything else is a damaged header
MARGIN = 320  # samples of the lower rate read on each side of a window, so that its resampling sees the surroundings


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of an audio file says."""

    sample_rate: int  # Hz
    channels: int
    samples: int  # per channel

    @property
    def duration(self) -> float:
        """Seconds."""
        return seconds_of(self.samples, self.sample_rate)


def audio_info(path: str | Path) -> AudioInfo:
    """Read the header of an audio file. Raises SonantError naming the file and the likely cause."""
    path = Path(path)
    if path.suffix.lower() in FFMPEG_SUFFIXES:
        from ._ffmpeg import decode

        wave_CL, rate = decode(path)
        return _checked(path, AudioInfo(sample_rate=rate, channels=wave_CL.shape[0], samples=wave_CL.shape[1]))
    with _open(path) as file:
        return _info_of(path, file)


def read_audio(
    path: str | Path,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
    sample_rate: int | None = None,
) -> tuple[np.ndarray, int]:
    """Read a file or a window of it.

    Args:
        path: WAV, FLAC, MP3, Ogg (Vorbis, Opus), SPHERE, AIFF, AU, ...; AAC and video with the extra ``av``.
        start_s: where the window begins, in seconds.
        duration_s: its length in seconds; None: to the end. A window that reaches past the end of the
            file is cut there.
        channel: which channel, from 0; None: all.
        sample_rate: resample to this rate in Hz; None: keep the file's.

    Returns:
        float32 samples, (L,) for one channel and (C, L) for several, and their rate in Hz. A resampled
        window lies on the sample grid of the resampled file.

    Raises:
        SonantError: no such file, no audio, truncated, NaN or infinite samples, impossible rate, no such channel.
    """
    path = Path(path)
    if path.suffix.lower() in FFMPEG_SUFFIXES:
        from ._ffmpeg import decode

        wave_CL, rate = decode(path)
        source = _Decoded(path, wave_CL, rate)
        return _read(source, start_s=start_s, duration_s=duration_s, channel=channel, sample_rate=sample_rate)
    with _open(path) as file:
        source = _Seekable(path, file)
        return _read(source, start_s=start_s, duration_s=duration_s, channel=channel, sample_rate=sample_rate)


def read_headers(
    paths: Iterable[str | Path], *, check: bool = False, threads: int = 8
) -> Iterator[tuple[Path, AudioInfo | SonantError]]:
    """(path, header or what is wrong with the file) of each file in order, read by several threads.

    ``check`` decodes every file completely, which also finds what is truncated or not finite.
    """

    def look(path: Path) -> AudioInfo | SonantError:
        try:
            if check:
                read_audio(path)
            return audio_info(path)
        except SonantError as error:
            return error

    paths = iter(paths)
    with ThreadPoolExecutor(threads) as pool:
        while block := [Path(path) for path in itertools.islice(paths, 1024)]:
            yield from zip(block, pool.map(look, block), strict=True)


def resampled_count(samples, source_rate, target_rate):
    """Samples that ``samples`` at ``source_rate`` make at ``target_rate``: whole ones only. Ints or arrays."""
    return samples * target_rate // source_rate


def find_audio(folder: str | Path) -> list[Path]:
    """All audio files beneath ``folder`` by suffix, sorted; hidden files and folders are left out."""
    folder = Path(folder)
    require(folder.is_dir(), f"'{folder}' is no folder; give the folder that holds the audio")
    found: list[str] = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)
            for name in files
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        ]
    return [Path(name) for name in sorted(found)]


def names_of(files: Iterable[Path], root: Path, *, tree: bool = False) -> list[str]:
    """A unique name for each file: its stem when all stems differ (unless ``tree``), else its path beneath
    ``root`` without the suffix, else (the same name in two formats) with it."""
    files = list(files)
    stems = [file.stem for file in files]
    if len(set(stems)) == len(stems) and not tree:
        return stems
    paths = [file.relative_to(root) for file in files]
    names = [path.with_suffix("").as_posix() for path in paths]
    return names if len(set(names)) == len(names) else [path.as_posix() for path in paths]


class _Seekable:
    """A file that libsndfile reads by windows."""

    def __init__(self, path: Path, file: soundfile.SoundFile):
        self.path, self.file, self.info = path, file, _info_of(path, file)

    def window(self, start: int, count: int) -> np.ndarray:
        """(C, count) samples from ``start``, all inside the file."""
        try:
            if start:
                self.file.seek(start)
            wave_LC = self.file.read(count, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise SonantError(
                f"'{self.path}' breaks off or is damaged ({_reason(error)}): it was probably truncated by an "
                "interrupted copy or download; fetch it again"
            ) from None
        require(
            len(wave_LC) == count,
            f"'{self.path}' breaks off: its header promises {self.info.samples} samples and reading ended at "
            f"{start + len(wave_LC)}; it was probably truncated by an interrupted copy or download, fetch it again",
        )
        return wave_LC.T


class _Decoded:
    """A file decoded whole."""

    def __init__(self, path: Path, wave_CL: np.ndarray, rate: int):
        self.path, self.wave_CL = path, wave_CL
        self.info = _checked(path, AudioInfo(sample_rate=rate, channels=wave_CL.shape[0], samples=wave_CL.shape[1]))

    def window(self, start: int, count: int) -> np.ndarray:
        return self.wave_CL[:, start : start + count]


def _read(source, *, start_s: float, duration_s: float | None, channel: int | None, sample_rate: int | None):
    """The window of ``read_audio`` out of an open source."""
    info: AudioInfo = source.info
    target = sample_rate or info.sample_rate
    require(start_s >= 0, f"a window of '{source.path}' cannot start at {start_s} s")
    require(
        channel is None or 0 <= channel < info.channels,
        f"'{source.path}' has {info.channels} channel(s), counted from 0; channel {channel} was asked for",
    )
    total = resampled_count(info.samples, info.sample_rate, target)
    start = samples_of(start_s, target)
    end = total if duration_s is None else min(start + samples_of(duration_s, target), total)
    require(
        start < end,
        f"a window of '{source.path}' from {start_s:g} s lies past its end: it lasts {info.duration:.3f} s",
    )
    if target == info.sample_rate:
        wave_CL = source.window(start, end - start)
        wave_CL = wave_CL if channel is None else wave_CL[channel : channel + 1]
    else:
        wave_CL = _resampled_window(source, start=start, end=end, target=target, channel=channel)
    require(
        bool(np.isfinite(wave_CL).all()),
        f"'{source.path}' holds NaN or infinite samples: its writer went wrong; write it again or leave it out",
    )
    wave_CL = np.ascontiguousarray(wave_CL)
    return (wave_CL[0] if len(wave_CL) == 1 else wave_CL), target


def _resampled_window(source, *, start: int, end: int, target: int, channel: int | None) -> np.ndarray:
    """Samples ``start`` to ``end`` of the resampled file, from as little of the file as that takes.

    The stretch that is read begins where the grids of both rates meet, so that the result lies on the
    grid of the whole file, and holds a margin on each side that the resampling filter can see.
    """
    info: AudioInfo = source.info
    common = math.gcd(info.sample_rate, target)
    up, down = target // common, info.sample_rate // common  # ``down`` samples of the file become ``up``
    lower = min(info.sample_rate, target)
    block = max(start - resampled_count(MARGIN, lower, target), 0) // up
    last = resampled_count(end, target, info.sample_rate) + 2 + resampled_count(MARGIN, lower, info.sample_rate)
    last = min(last, info.samples)
    wave_CL = source.window(block * down, last - block * down)
    wave_CL = wave_CL if channel is None else wave_CL[channel : channel + 1]
    made_CL = resample(wave_CL, info.sample_rate, target)
    made_CL = made_CL[:, start - block * up : end - block * up]
    short = (end - start) - made_CL.shape[1]
    return np.pad(made_CL, ((0, 0), (0, short))) if short > 0 else made_CL


def resample(wave_CL: np.ndarray, source_rate: int, target_rate: int) -> np.ndarray:
    """(C, L) samples at another rate in Hz (soxr, quality HQ: 20 bit, flat to 0.91 of the lower Nyquist rate)."""
    if source_rate == target_rate:
        return wave_CL
    return np.stack([soxr.resample(wave_L, source_rate, target_rate, quality="HQ") for wave_L in wave_CL])


def _open(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError, OSError) as error:
        raise _cause(path, error) from None


def _cause(path: Path, error: Exception) -> SonantError:
    """Why a file cannot be opened, as the user would put it."""
    if path.is_dir():
        return SonantError(f"'{path}' is a folder; give an audio file")
    if path.parent.is_file():
        return SonantError(
            f"'{path.parent}' is an archive of features and holds no audio: train on it with data.arrays, extract "
            "from it by its own name"
        )
    if not path.exists():
        return SonantError(f"no audio file '{path}': it was moved or deleted, or its path starts from another folder")
    if not os.access(path, os.R_OK):
        return SonantError(f"'{path}' may not be read: check its permissions")
    if path.stat().st_size == 0:
        return SonantError(f"'{path}' is empty (0 bytes): its recording or copy failed; fetch it again")
    with path.open("rb") as stream:
        head = stream.read(1024)
    if head.startswith(b"NIST_1A") and b"shorten" in head:
        return SonantError(f"'{path}' is SPHERE audio packed with shorten: unpack it once with 'sph2pipe -f wav'")
    return SonantError(
        f"'{path}' cannot be read as audio ({_reason(error)}): it is damaged or is no audio despite its name; "
        "known formats: WAV, FLAC, MP3, Ogg, Opus, SPHERE, AIFF, AU, m4a (with the package av)"
    )


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()).rstrip(". ")


def _info_of(path: Path, file: soundfile.SoundFile) -> AudioInfo:
    return _checked(path, AudioInfo(sample_rate=file.samplerate, channels=file.channels, samples=file.frames))


def _checked(path: Path, info: AudioInfo) -> AudioInfo:
    require(
        LOWEST_RATE <= info.sample_rate <= HIGHEST_RATE,
        f"'{path}' says {info.sample_rate} Hz; sonant reads {LOWEST_RATE} to {HIGHEST_RATE} Hz, its header is wrong",
    )
    require(info.samples > 0, f"'{path}' holds no samples: its recording failed; leave it out or record it again")
    return info
