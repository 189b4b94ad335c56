"""A time-delay layer: dilated convolution, activation, batch norm, in this order.

Waibel et al. 1989; Snyder et al. 2018, "X-vectors", Table 1; the order is that of SpeechBrain and of sslsv.

Letters: B utterances, T frames, C channels in, D channels out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch.nn.functional as F
from torch import nn

from ..core import FrameGeometry, Frames, require
from .conv import Conv
from .norm import BatchNorm
from .reflect import reflect

Padding = Literal["none", "zeros", "reflect"]


class TimeDelay(nn.Module):
    """(B, T, C) -> (B, T', D), zero past each length. Statistics of the norm are those of real frames.

    Args:
        kernel: taps. dilation: frames between them.
        padding: beyond an utterance's ends; none: only whole windows, T' = T - (kernel - 1) dilation; zeros, reflect:
            T' = T, with half of the span on each side (of an even one the longer half behind). ``reflect`` mirrors each
            utterance at its own ends, so that the others of a batch do not matter.
        slope: of the activation below zero; 0 is ReLU.
        norm: batch norm after the activation; ``eps`` is added to its variance.
        dropout: after the norm, while training.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        kernel: int,
        dilation: int = 1,
        padding: Padding = "none",
        slope: float = 0.0,
        norm: bool = True,
        bias: bool = True,
        eps: float = 1e-5,
        dropout: float = 0.0,
    ):
        super().__init__()
        total = 0 if padding == "none" else (kernel - 1) * dilation
        self.left, self.right = total // 2, total - total // 2
        self.mirror = padding == "reflect"
        zeros = (0, 0) if self.mirror else (self.left, self.right)
        self.conv = Conv(in_dim, out_dim, kernel=kernel, dilation=dilation, left=zeros[0], right=zeros[1], bias=bias)
        self.norm = BatchNorm(out_dim, eps=eps) if norm else None
        self.slope, self.dropout = slope, dropout

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        """Where the output frames lie when the input frames lie at ``source``."""
        return source.stack(kernel=self.conv.span, left=self.left, right=self.right)

    def forward(self, frames: Frames) -> Frames:
        """Frames -> frames, at ``stack`` of where these lie."""
        geometry, lengths_B = self.stack(frames.geometry), frames.lengths_B
        if self.mirror:
            x_BTC = reflect(frames.x_BTD, lengths_B, left=self.left, right=self.right)
            total = self.left + self.right if x_BTC.shape[1] else 0
            frames = Frames(x_BTC, lengths_B + total * (lengths_B > 0), frames.geometry)
        frames = replace(self.conv(frames), geometry=geometry)
        x_BTD = F.leaky_relu(frames.x_BTD, self.slope) if self.slope else frames.x_BTD.relu()
        if self.norm is not None:
            x_BTD = self.norm(x_BTD, frames.mask_BT)
        return frames.with_x(F.dropout(x_BTD, self.dropout, self.training)).masked()


def check_layers(where: str, **named: int | float | tuple) -> None:
    """Raise SonantError unless every one of these sizes, or of these tuples of sizes, is a whole number above 0."""
    for name, value in named.items():
        sizes = value if isinstance(value, tuple) else (value,)
        require(sizes and min(sizes) >= 1, f"{where}: {name} must be at least 1, got {value}")
