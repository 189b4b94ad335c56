"""Frames of a model from audio as it comes.

Letters: B sequences, L samples, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..core import FrameGeometry, Frames, Representation, State, require
from ..core.streaming import Chain, Streamable, streamable

BLOCK = 160000  # samples that are heard at once


def body(model: Representation, layer: Literal["z", "c"] = "c") -> Streamable:
    """From samples (B, L, 1) to frames of the encoder (z) or of the context on it (c). Raises SonantError for models
    that look ahead without bound."""
    encoder = streamable(model.encoder, source=FrameGeometry(model.sample_rate), in_dim=1)
    if layer == "z":
        return encoder
    return Chain(encoder, streamable(model.context, source=model.encoder.geometry, in_dim=model.encoder.dim))


def in_blocks(body: Streamable, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
    """``body.step``, of long pieces block by block, so that memory is bounded whatever is handed in."""
    if x_BTD.shape[1] <= BLOCK:
        return body.step(x_BTD, state)
    outputs = []
    for block_BTD in x_BTD.split(BLOCK, dim=1):
        out_BTD, state = body.step(block_BTD, state)
        outputs.append(out_BTD)
    return torch.cat(outputs, dim=1), state


def place(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where a model computes, and in what."""
    weight = next(model.parameters(), torch.zeros(()))
    return weight.device, weight.dtype


def ready(model: nn.Module) -> None:
    require(
        not model.training, "the model is in training mode, with its dropout; call model.eval() before streaming it"
    )


def delay_s(geometry: FrameGeometry, future: int) -> float:
    """Seconds from the beginning of a frame (frame n begins at n / rate) to its last sample."""
    return (geometry.offset + geometry.window + future * geometry.hop) / geometry.sample_rate


class FrameStream:
    """Frames of layer ``z`` or ``c``, those that each piece of audio completes; equal to ``model.encode`` of the whole.

    Args:
        model: one that does not look ahead without bound.
        layer: None: the model's own default.
        sequences: streams side by side.

    Raises:
        SonantError: a model or layer that cannot be streamed, or one in training mode.
    """

    def __init__(self, model: Representation, *, layer: str | None = None, sequences: int = 1):
        self.layer = layer or model.default_layer
        require(self.layer in ("z", "c"), f"only the layers z and c can be streamed, got '{self.layer}'")
        ready(model)
        self.model, self.sequences, self.body = model, sequences, body(model, self.layer)
        self.sample_rate = model.sample_rate
        module = model.encoder if self.layer == "z" else model.context
        self.geometry = module.geometry
        self.rate = self.geometry.rate
        future = model.encoder.future if self.layer == "z" else model.reach[1]
        self.delay_s = delay_s(self.geometry, future)
        self.reset()

    @torch.inference_mode()
    def reset(self) -> None:
        """Back to the beginning."""
        device, dtype = place(self.model)
        self.state, self.count = self.body.begin(self.sequences, device=device, dtype=dtype), 0

    @torch.inference_mode()
    def step(self, wave_BL: Tensor | np.ndarray) -> Frames:
        """The frames (B, T, D) that the next samples, (B, L) or (L,), complete; their geometry tells when they are."""
        wave_BL = samples(wave_BL, self.model)
        wave_BL = wave_BL[None] if wave_BL.dim() == 1 else wave_BL
        require(
            wave_BL.dim() == 2 and len(wave_BL) == self.sequences,
            f"this stream takes samples of the shape ({self.sequences}, any number), got {tuple(wave_BL.shape)}",
        )
        x_BTD, self.state = in_blocks(self.body, wave_BL[:, :, None], self.state)
        geometry = replace(self.geometry, offset=self.geometry.offset + self.count * self.geometry.hop)
        self.count += x_BTD.shape[1]
        lengths_B = torch.full((len(x_BTD),), x_BTD.shape[1], device=x_BTD.device)
        return Frames(x_BTD, lengths_B, geometry)


def samples(wave: Tensor | np.ndarray, model: nn.Module) -> Tensor:
    """Samples in [-1, 1] where the model computes. Raises SonantError for whole numbers."""
    wave = torch.as_tensor(wave)
    require(torch.is_floating_point(wave), f"samples must be floats in [-1, 1], got {wave.dtype}")
    device, dtype = place(model)
    return wave.to(device, dtype)
