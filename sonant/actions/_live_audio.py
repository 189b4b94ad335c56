"""Audio as it comes: from a file, as raw samples from a pipe, from a microphone; at any rate, as a model hears it.

Letters: C channels, L samples.
"""

from __future__ import annotations

import math
import queue
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soxr

from ..core import MissingExtra, SonantError, require, samples_of, seconds_of
from ..data.audio import FFMPEG_SUFFIXES, HIGHEST_RATE, LOWEST_RATE, audio_info, read_audio, resampled_count

Tell = Callable[[str], None]
Format = Literal["s16", "f32"]  # little-endian, of interleaved channels
WIDTHS = {"s16": 2, "f32": 4}  # bytes
BLOCK_S = 10.0  # of a file that is read at once
WAITING = 100  # pieces of a microphone that may wait before some are lost


@dataclass(frozen=True)
class RawAudio:
    """How raw samples lie in a stream of bytes."""

    rate: int = 16000  # Hz
    channels: int = 2
    format: Format = "s16"

    def __post_init__(self):
        whole = all(type(value) is int for value in (self.rate, self.channels))
        require(
            whole and LOWEST_RATE <= self.rate <= HIGHEST_RATE,
            f"the rate of raw samples is a whole number of {LOWEST_RATE} to {HIGHEST_RATE} Hz, got {self.rate!r}",
        )
        require(self.channels in (1, 2), f"raw samples have 1 or 2 channels, got {self.channels!r}")
        require(
            isinstance(self.format, str) and self.format in WIDTHS,
            f"the format of raw samples is one of {', '.join(WIDTHS)}, got {self.format!r:.40}",
        )

    @property
    def width(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * WIDTHS[self.format]

    def decode(self, data: bytes) -> np.ndarray:
        """(C, L) float32 samples. Raises SonantError for a part of a sample, and for NaN or infinite ones."""
        require(
            len(data) % self.width == 0,
            f"{len(data)} bytes are no whole samples: one of {self.channels} channel(s) of {self.format} takes "
            f"{self.width} bytes",
        )
        if self.format == "s16":
            flat_L = np.frombuffer(data, "<i2").astype(np.float32) / 32768
        else:
            flat_L = np.frombuffer(data, "<f4").astype(np.float32)
            require(bool(np.isfinite(flat_L).all()), "the samples hold NaN or infinite values; is the format f32?")
        return np.ascontiguousarray(flat_L.reshape(-1, self.channels).T)


@dataclass(frozen=True)
class Piece:
    """Samples that came together."""

    wave_CL: np.ndarray
    came: float  # when the last of them was there, by time.monotonic


class Fit:
    """Audio of any rate and of one or two channels -> what a model hears, as it comes.

    A missing second channel is silent; two channels are averaged for a model of one.
    """

    def __init__(self, *, rate: int, channels: int, wanted_rate: int, wanted_channels: int):
        require(channels in (1, 2), f"a dialogue has one or two channels, this audio has {channels}")
        self.channels, self.wanted_channels = channels, wanted_channels
        kept = min(channels, wanted_channels)
        self.resampler = None
        if rate != wanted_rate:
            self.resampler = soxr.ResampleStream(rate, wanted_rate, kept, dtype="float32", quality="HQ")

    def __call__(self, wave_CL: np.ndarray, *, last: bool = False) -> np.ndarray:
        """(C', L') samples; after resampling they trail by 10 to 30 ms, and ``last`` brings the rest."""
        if self.channels > self.wanted_channels:
            wave_CL = wave_CL.mean(0, keepdims=True)
        if self.resampler is not None:
            wave_LC = self.resampler.resample_chunk(np.ascontiguousarray(wave_CL.T), last=last)
            wave_CL = np.ascontiguousarray(wave_LC.T)
        if len(wave_CL) < self.wanted_channels:
            wave_CL = np.concatenate([wave_CL, np.zeros_like(wave_CL)])
        return wave_CL


@contextmanager
def pieces_of(
    source: str | Path,
    *,
    rate: int,
    channels: int,
    chunk_s: float,
    raw: RawAudio | None = None,
    pipe: BinaryIO | None = None,
    pace: bool = False,
    tell: Tell = print,
) -> Iterator[Iterator[Piece]]:
    """What comes from a source, as a model of this rate and these channels hears it.

    Args:
        source: an audio file; ``-``: ``raw`` samples out of ``pipe``, None: standard input; ``mic``: the microphone.
        chunk_s: of a piece.
        pace: a file in real time.
        tell: told what the user should know.
    """
    wanted, raw = {"rate": rate, "channels": channels, "chunk_s": chunk_s}, raw or RawAudio()
    silent = "one channel: the second speaker is silence, as this model listens to two"
    if str(source) == "mic":
        with microphone(**wanted, tell=tell) as pieces:
            yield pieces
        return
    if str(source) == "-":
        if raw.channels < channels:
            tell(silent)
        yield raw_pieces(sys.stdin.buffer if pipe is None else pipe, raw, **wanted)
        return
    if audio_info(source).channels < channels:
        tell(silent)
    pieces = file_pieces(source, **wanted)
    yield paced(pieces, rate) if pace else pieces


def file_pieces(path: str | Path, *, rate: int, channels: int, chunk_s: float) -> Iterator[Piece]:
    """A file of any length in chunks, at ``rate`` and of ``channels``, of which no more than 10 s are in memory."""
    info = audio_info(path)
    fit = Fit(rate=rate, channels=info.channels, wanted_rate=rate, wanted_channels=channels)
    chunk, block_s = _chunk(chunk_s, rate), BLOCK_S
    if Path(path).suffix.lower() in FFMPEG_SUFFIXES:  # these are decoded whole at each reading
        block_s = info.duration + 1
    rest_CL = np.zeros((channels, 0), np.float32)
    whole = resampled_count(info.samples, info.sample_rate, rate)
    for number in range(math.ceil(whole / samples_of(block_s, rate))):
        wave, _ = read_audio(path, start_s=number * block_s, duration_s=block_s, sample_rate=rate)
        rest_CL = np.concatenate([rest_CL, fit(np.atleast_2d(wave))], axis=1)
        while rest_CL.shape[1] >= chunk:
            yield Piece(rest_CL[:, :chunk], time.monotonic())
            rest_CL = rest_CL[:, chunk:]
    if rest_CL.shape[1]:
        yield Piece(rest_CL, time.monotonic())


def paced(pieces: Iterable[Piece], rate: int) -> Iterator[Piece]:
    """Every piece at the moment at which a microphone would have heard its last sample."""
    began, samples = time.monotonic(), 0
    for piece in pieces:
        samples += piece.wave_CL.shape[1]
        due = began + seconds_of(samples, rate)
        time.sleep(max(due - time.monotonic(), 0))
        yield Piece(piece.wave_CL, due)


def raw_pieces(stream: BinaryIO, raw: RawAudio, *, rate: int, channels: int, chunk_s: float) -> Iterator[Piece]:
    """Raw samples out of a pipe, until its end; a part of a sample at the end is left out."""
    fit = Fit(rate=raw.rate, channels=raw.channels, wanted_rate=rate, wanted_channels=channels)
    size = _chunk(chunk_s, raw.rate) * raw.width
    while data := stream.read(size):
        whole = len(data) - len(data) % raw.width
        yield Piece(fit(raw.decode(data[:whole]), last=len(data) < size), time.monotonic())
        if len(data) < size:
            return
    yield Piece(fit(np.zeros((raw.channels, 0), np.float32), last=True), time.monotonic())


@contextmanager
def microphone(*, rate: int, channels: int, chunk_s: float, tell: Callable[[str], None]) -> Iterator[Iterator[Piece]]:
    """Pieces of the computer's microphone for as long as the block lasts.

    Args:
        tell: told once if the model is so slow that sound is lost.

    Raises:
        MissingExtra: without the package sounddevice.
        SonantError: without PortAudio, without a microphone, or when it cannot be opened.
    """
    heard: queue.Queue[Piece | None] = queue.Queue(WAITING)
    device, once = _sound_device(), [tell]

    def callback(wave_LC, frames, moment, status):
        try:
            heard.put_nowait(Piece(wave_LC.T.copy(), time.monotonic()))
        except queue.Full:
            while once:
                once.pop()("the model is slower than the microphone: some sound is lost")

    try:
        there = device.query_devices(kind="input")
        taken, own = min(int(there["max_input_channels"]), 2), int(there["default_samplerate"])
        fit = Fit(rate=own, channels=taken, wanted_rate=rate, wanted_channels=channels)
        stream = device.InputStream(
            samplerate=own, channels=taken, dtype="float32", blocksize=_chunk(chunk_s, own), callback=callback
        )
        with stream:
            yield (Piece(fit(piece.wave_CL), piece.came) for piece in iter(heard.get, None))
    except device.PortAudioError as error:
        raise SonantError(
            f"the microphone cannot be used ({error}): is one connected, and may this program use it? "
            "python -m sounddevice lists what there is"
        ) from None


def _sound_device():
    try:
        import sounddevice
    except ImportError:
        raise MissingExtra("sounddevice", "mic", "listening to a microphone") from None
    except OSError as error:  # the package is there, the library it binds is not
        raise SonantError(
            f"listening to a microphone needs the library PortAudio ({error}); install it with the system's package "
            "manager, such as: apt install libportaudio2"
        ) from None
    return sounddevice


def _chunk(chunk_s: float, rate: int) -> int:
    """Samples of a chunk."""
    return max(samples_of(chunk_s, rate), 1)
