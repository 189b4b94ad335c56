"""What an exported model of dialogue says, from audio as it comes, by onnxruntime.

Letters: L samples, T frames, C = 2 speakers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import MissingExtra, SonantError, require
from .dialogue import Said

KEY = "sonant"  # of the metadata of a model


class OnnxDialogueStream:
    """As ``DialogueStream``, of a file that ``sonant export`` wrote; what is said are arrays.

    The model takes steps of one size, ``samples`` at once. What does not fill a step waits.

    Args:
        model: the file, or its bytes.
        threads: cores that a step may take.

    Attributes:
        sample_rate, rate, channels: Hz, frames a second, channels of audio.
        frames, samples: of a step.
        delay_s: most seconds from the beginning of a frame to the last sample of its step.
        told: whether it has to be told who is active.

    Raises:
        MissingExtra: onnxruntime is not installed.
        SonantError: no such file, or one that ``sonant export`` did not write.
    """

    def __init__(self, model: str | Path | bytes, *, threads: int = 1):
        self.session = _session(model, threads)
        known = self.session.get_modelmeta().custom_metadata_map
        require(KEY in known, "this ONNX model was not written by sonant export, and what its states are is not known")
        self.facts: dict[str, Any] = json.loads(known[KEY])
        self.sample_rate, self.rate, self.channels, self.frames, self.samples, self.early, self.told = (
            self.facts[name] for name in ("sample_rate", "rate", "channels", "frames", "samples", "early", "told")
        )
        self.delay_s = (self.frames + self.early) / self.rate
        shapes = {output.name: output.shape for output in self.session.get_outputs()}
        self.outputs = list(shapes)
        self.empty = {name: np.zeros([0, *shape[1:]], np.float32) for name, shape in shapes.items()}
        self.empty = {
            output.name: np.zeros([0, *output.shape[1:]], np.float32) for output in self.session.get_outputs()
        }
        self.reset()

    def reset(self) -> None:
        """Back to the beginning of a dialogue."""
        self.states, self.memory = (
            {name: np.zeros(tensor["shape"], tensor["dtype"]) for name, tensor in self.facts[kind].items()}
            for kind in ("states", "memory")
        )
        self.steps = 0
        self.wave_CL = np.zeros((self.channels, 0), np.float32)
        self.told_TC = np.zeros((self.early, 2), np.float32)

    def step(self, wave_CL: np.ndarray, activity_TC: np.ndarray | None = None) -> Said:
        """What is said about the frames that come with the next samples; arguments as of ``DialogueStream``."""
        self._take(np.asarray(wave_CL), activity_TC)
        first, said = self.count, []
        while self.wave_CL.shape[1] >= self.samples and (not self.told or len(self.told_TC) >= self.frames):
            said.append(self._step())
        before = len(said) * self.frames - (self.count - first)  # frames before the beginning
        logits, p_now, p_future, active = (
            np.concatenate([self.empty[name], *(one[name] for one in said)])[before:] if name in self.empty else None
            for name in ("logits", "p_now", "p_future", "activity_now")
        )
        return Said(first, logits, p_now, p_future, active)

    @property
    def count(self) -> int:
        """Frames so far."""
        return max(self.steps * self.frames - self.early, 0)

    def _take(self, wave_CL: np.ndarray, activity_TC: np.ndarray | None) -> None:
        wave_CL = wave_CL[None] if wave_CL.ndim == 1 else wave_CL
        require(np.issubdtype(wave_CL.dtype, np.floating), f"samples must be floats in [-1, 1], got {wave_CL.dtype}")
        require(
            wave_CL.ndim == 2 and len(wave_CL) == self.channels,
            f"this model listens to {self.channels} channel{'s' if self.channels > 1 else ''}: give samples of the "
            f"shape ({self.channels}, any number), got {tuple(wave_CL.shape)}",
        )
        self.wave_CL = np.concatenate([self.wave_CL, wave_CL.astype(np.float32)], axis=1)
        if activity_TC is None:
            return
        require(self.told, "this model hears who is active; leave the activity out")
        activity_TC = np.asarray(activity_TC, np.float32)
        require(
            activity_TC.ndim == 2 and activity_TC.shape[1] == 2,
            f"activity must be (frames, 2), got {tuple(activity_TC.shape)}",
        )
        self.told_TC = np.concatenate([self.told_TC, activity_TC])

    def _step(self) -> dict[str, np.ndarray]:
        given = {"wave": np.ascontiguousarray(self.wave_CL[:, : self.samples]), "steps": np.array(self.steps)}
        self.wave_CL = self.wave_CL[:, self.samples :]
        if self.told:
            given["activity"], self.told_TC = self.told_TC[None, : self.frames], self.told_TC[self.frames :]
        values = self.session.run(self.outputs, {**given, **self.states, **self.memory})
        found = dict(zip(self.outputs, values, strict=True))
        self.states = {name: found[f"next_{name}"] for name in self.states}
        for name, kept in self.memory.items():
            place = self.steps * self.frames % kept.shape[2]
            kept[:, :, place : place + self.frames] = found[f"new_{name}"]
        self.steps += 1
        return found


def _session(model: str | Path | bytes, threads: int):
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("onnxruntime", "export", "running an exported model") from None
    require(threads >= 1, f"threads must be at least 1, got {threads}")
    require(isinstance(model, bytes) or Path(model).is_file(), f"there is no model '{model}'; write one: sonant export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no exception of its own for users
        name = "the model" if isinstance(model, bytes) else f"'{model}'"
        raise SonantError(f"{name} is no ONNX model that onnxruntime can run: {str(error)[:200]}") from None
