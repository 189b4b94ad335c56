"""Causal convolutions: a context of so many past frames and no more.

Robertson and Dunbar 2023 (arXiv:2312.01515), who compare context sizes: one layer of kernel W sees W frames.

    h_0 = z        h_l = act(conv_l(h_{l-1})), l = 1 .. L, each over a frame and the W - 1 before it

Frames before the first are zeros in every layer. The whole sees L (W - 1) + 1 frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, State, require
from sonant.core.streaming import begin_all
from sonant.nn.activations import ACTIVATIONS, Activation
from sonant.nn.conv import Conv


@dataclass(frozen=True)
class Config:
    """Settings of the context; the defaults are those of the paper's code."""

    dim: int = 512  # of every layer; the paper keeps kernel x dim at 4096
    layers: int = 1  # L
    kernel: int = 8  # W, frames that a frame of one layer sees, itself included
    activation: Activation = "relu"  # after every layer
    dropout: float = 0.0  # after every layer, while training

    def __post_init__(self):
        require(
            min(self.dim, self.layers, self.kernel) >= 1,
            f"causal_conv: dim, layers and kernel must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"causal_conv: dropout must lie in [0, 1), got {self.dropout}")


class Context(FrameModule):
    """Convolution, activation, mask, dropout: ``layers`` times. Sees layers x (kernel - 1) past frames, none ahead."""

    future = 0

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.past = cfg.layers * (cfg.kernel - 1)
        dims = (in_dim, *(cfg.dim for _ in range(cfg.layers - 1)))
        self.convs = nn.ModuleList(Conv(dim, cfg.dim, kernel=cfg.kernel, left=cfg.kernel - 1, right=0) for dim in dims)

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose output is the context's own."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        outputs = []
        for conv in self.convs:
            y_BTD = ACTIVATIONS[self.cfg.activation](conv(frames).x_BTD)
            frames = frames.with_x(F.dropout(y_BTD, self.cfg.dropout, self.training)).masked()
            outputs.append(frames)
        return outputs[-1], dict(zip(self.layers, outputs, strict=False))

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The frames that each layer still needs; see ``core.Streamable``."""
        return tuple(conv.begin(batch, device=device, dtype=dtype) for conv in self.convs)

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """As of each layer; see ``core.Even``."""
        return begin_all(self.convs, batch, early, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As many frames as are given."""
        after = []
        for conv, tail in zip(self.convs, state, strict=True):
            x_BTD, tail = conv.step(x_BTD, tail)
            x_BTD = ACTIVATIONS[self.cfg.activation](x_BTD)
            after.append(tail)
        return x_BTD, tuple(after)
