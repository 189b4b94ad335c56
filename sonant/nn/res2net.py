"""The residual block of ECAPA-TDNN: Res2Net convolutions and squeeze-excitation over frames.

Desplanques, Thienpondt and Demuynck 2020 (arXiv:2005.07143), Sec. 3, Fig. 2; Gao et al. 2019 (arXiv:1904.01169); Hu et
al. 2018 (arXiv:1709.01507).

    y_1 = f_1(x_1)      y_i = f_i(x_i + y_{i-1})      over ``scale`` chunks of the channels, one of them untouched
    s = sigmoid(W_2 relu(W_1 mean_t x_t))             x_t * s
    block(x) = x + squeeze(leave(res2(enter(x))))     enter, leave: time-delay layers of one frame

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from ..core import Frames, require
from .pooling import mean_pool
from .time_delay import Padding, TimeDelay

Untouched = Literal["first", "last"]


class Res2(nn.Module):
    """(B, T, D) -> (B, T, D): chunks of the channels convolved one after the other, each with the one before added.

    Args:
        dim: channels, a multiple of ``scale``.
        kernel, dilation, padding: of the ``scale - 1`` time-delay layers.
        untouched: the chunk that passes as it is: first (the paper, SpeechBrain, sslsv) or last (wespeaker).
    """

    def __init__(self, dim: int, *, scale: int, kernel: int, dilation: int, padding: Padding, untouched: Untouched):
        super().__init__()
        require(
            scale >= 2 and dim % scale == 0, f"res2: {dim} channels cannot be split in {scale} equal chunks, at least 2"
        )
        width = dim // scale
        self.untouched, self.width = untouched, width
        self.layers = nn.ModuleList(
            TimeDelay(width, width, kernel=kernel, dilation=dilation, padding=padding) for _ in range(scale - 1)
        )

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length, as ``frames`` are."""
        chunks = list(frames.x_BTD.split(self.width, dim=2))
        kept = chunks.pop(0 if self.untouched == "first" else -1)
        done: list[torch.Tensor] = []
        for chunk_BTW, layer in zip(chunks, self.layers, strict=True):
            given_BTW = chunk_BTW + done[-1] if done else chunk_BTW
            done.append(layer(frames.with_x(given_BTW)).x_BTD)
        return frames.with_x(torch.cat([kept, *done] if self.untouched == "first" else [*done, kept], dim=2))


class SqueezeExcite(nn.Module):
    """(B, T, D) -> (B, T, D): every channel scaled by what the utterance is on average.

    Args:
        size: channels of the bottleneck.
    """

    def __init__(self, dim: int, *, size: int):
        super().__init__()
        self.down, self.up = nn.Linear(dim, size), nn.Linear(size, dim)

    def forward(self, frames: Frames) -> Frames:
        """The mean is over real frames."""
        scale_BD = torch.sigmoid(self.up(self.down(mean_pool(frames)).relu()))
        return frames.with_x(frames.x_BTD * scale_BD[:, None])


class SERes2Block(nn.Module):
    """(B, T, D) -> (B, T, D): keeps the number of frames; every one depends on the whole utterance."""

    def __init__(
        self,
        dim: int,
        *,
        scale: int,
        kernel: int,
        dilation: int,
        padding: Padding,
        untouched: Untouched,
        squeeze: int,
    ):
        super().__init__()
        self.enter = TimeDelay(dim, dim, kernel=1)
        self.res2 = Res2(dim, scale=scale, kernel=kernel, dilation=dilation, padding=padding, untouched=untouched)
        self.leave = TimeDelay(dim, dim, kernel=1)
        self.squeeze = SqueezeExcite(dim, size=squeeze)

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        change = self.squeeze(self.leave(self.res2(self.enter(frames))))
        return frames.with_x(frames.x_BTD + change.x_BTD)
