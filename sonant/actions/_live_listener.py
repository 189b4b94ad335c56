"""A model that listens to a dialogue as it comes, and what is shown of it: one entry a frame.

Letters: C channels, L samples, T frames, S = 2 speakers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..core import Representation, require
from ..streaming.dialogue import DialogueStream, Said
from ..streaming.onnx import OnnxDialogueStream
from ._live_audio import Fit, RawAudio

QUIETEST = -100.0  # dB of full scale, of digital silence


@dataclass(frozen=True)
class Moments:
    """What is known of frames that follow each other.

    Attributes:
        first: number of the first frame since the beginning.
        rate: frames a second; frame n begins n / rate s after the beginning.
        p_now_TS, p_future_TS: (T, S) who is to speak in the next 600 ms, and later.
        activity_TS: (T, S) probability that each speaker is active; None for models that are told.
        low_TC, high_TC, level_TC: least and greatest sample of the frame, and its level in dB of full scale.
    """

    first: int
    rate: float
    p_now_TS: np.ndarray
    p_future_TS: np.ndarray
    activity_TS: np.ndarray | None
    low_TC: np.ndarray
    high_TC: np.ndarray
    level_TC: np.ndarray

    def __len__(self) -> int:
        return len(self.p_now_TS)

    def lines(self) -> list[dict]:
        """One dictionary a frame, as JSON lines hold them."""
        return [self.line(t) for t in range(len(self))]

    def line(self, t: int) -> dict:
        frame = self.first + t
        return {
            "frame": frame,
            "time": round(frame / self.rate, 4),
            "p_now": _rounded(self.p_now_TS[t], 6),
            "p_future": _rounded(self.p_future_TS[t], 6),
            "activity": None if self.activity_TS is None else _rounded(self.activity_TS[t], 6),
            "level": _rounded(self.level_TC[t], 1),
        }

    def message(self) -> dict:
        """All frames as one message: a list a frame of each quantity; ``wave`` holds (low, high) of every channel."""
        return {
            "first": self.first,
            "time": round(self.first / self.rate, 4),
            "p_now": _rounded(self.p_now_TS),
            "p_future": _rounded(self.p_future_TS),
            "activity": None if self.activity_TS is None else _rounded(self.activity_TS),
            "level": _rounded(self.level_TC, 1),
            "wave": _rounded(np.stack([self.low_TC, self.high_TC], axis=-1)),
        }


class Listener:
    """One dialogue: samples in, moments out. Holds the state of the model and of the resampling; nothing is shared.

    Args:
        model: a model of dialogue, or the stream of an exported one, from its beginning.
        raw: how the samples lie; for samples that fit already, None.
        context_s: seconds of past that the model sees; None: as much as it was built for.
        track_TS: (T, S) of 0 and 1, who is active from the beginning on, for models that are told.
    """

    def __init__(
        self,
        model: Representation | OnnxDialogueStream,
        *,
        raw: RawAudio | None = None,
        context_s: float | None = 20.0,
        track_TS: np.ndarray | None = None,
    ):
        self.stream = model if isinstance(model, OnnxDialogueStream) else stream_of(model, context_s)
        self.track_TS, self.told, self.samples = track_TS, 0, 0  # frames told and samples heard so far
        self.rate, self.sample_rate, self.channels = self.stream.rate, self.stream.sample_rate, self.stream.channels
        self.fit = None
        if raw is not None:
            self.fit = Fit(
                rate=raw.rate, channels=raw.channels, wanted_rate=self.sample_rate, wanted_channels=self.channels
            )
        self.envelope = _Envelope(self.channels, self.sample_rate, self.rate)

    def hear(self, wave_CL: np.ndarray, *, last: bool = False) -> Moments:
        """Moments of the frames that these samples complete, perhaps none; ``last`` brings what resampling holds."""
        wave_CL = wave_CL if self.fit is None else self.fit(wave_CL, last=last)
        self.envelope.add(wave_CL)
        said = self.stream.step(wave_CL) if self.track_TS is None else self._told(wave_CL)
        return Moments(
            said.first,
            self.rate,
            _array(said.p_now_TC),
            _array(said.p_future_TC),
            None if said.activity_TC is None else _array(said.activity_TC),
            *self.envelope.take(said.first, len(said.p_now_TC)),
        )

    def _told(self, wave_CL: np.ndarray) -> Said:
        """A step of a model that is told who is active; where the timings end, nobody is."""
        self.samples += wave_CL.shape[1]
        due = math.ceil(self.samples * self.rate / self.sample_rate) + 1
        told_TS = self.track_TS[self.told : due]
        told_TS = np.pad(told_TS, ((0, max(due - self.told, 0) - len(told_TS)), (0, 0)))
        self.told = due
        return self.stream.step(wave_CL, torch.from_numpy(told_TS))


def check_dialogue(model: Representation) -> None:
    """Raise SonantError for models that listen to no dialogues."""
    require(
        model.dialogue is not None,
        "this model listens to no dialogues; train one with a section 'dialogue' (sonant train vap) or import one",
    )


def stream_of(model: Representation, context_s: float | None) -> DialogueStream:
    """A stream of ``model``. Raises SonantError for models that listen to no dialogues, or an impossible context."""
    require(
        context_s is None or (math.isfinite(context_s) and context_s > 0),
        f"the context is a positive number of seconds, got {context_s}",
    )
    check_dialogue(model)
    return DialogueStream(model, context_s=context_s)


class _Envelope:
    """The samples that frames have not passed yet, and what is drawn of those that they pass."""

    def __init__(self, channels: int, sample_rate: int, rate: float):
        self.hop = round(sample_rate / rate)
        self.held_CL, self.begin = np.zeros((channels, 0), np.float32), 0  # the sample that the held ones begin with

    def add(self, wave_CL: np.ndarray) -> None:
        self.held_CL = np.concatenate([self.held_CL, np.asarray(wave_CL, np.float32)], axis=1)

    def take(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T, C) least sample, greatest sample and level of ``count`` frames from ``first`` on.

        The last samples of a frame may not be there yet: it is known when those that the model needs have come.
        """
        start = first * self.hop - self.begin
        end = start + count * self.hop
        cut_CL = self.held_CL[:, start:end]
        cut_CL = np.pad(cut_CL, ((0, 0), (0, end - start - cut_CL.shape[1])))
        self.held_CL, self.begin = self.held_CL[:, end:], self.begin + min(end, self.held_CL.shape[1])
        cut_CTH = cut_CL.reshape(len(cut_CL), count, self.hop)
        power_CT = (cut_CTH.astype(np.float64) ** 2).mean(-1)
        level_CT = np.maximum(10 * np.log10(np.maximum(power_CT, 1e-30)), QUIETEST)
        return cut_CTH.min(-1).T, cut_CTH.max(-1).T, level_CT.T


def _array(x: torch.Tensor | np.ndarray) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else x.detach().float().cpu().numpy()


def _rounded(values: np.ndarray, digits: int = 4) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()
