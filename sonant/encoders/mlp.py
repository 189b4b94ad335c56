"""A feed-forward net on each frame by itself, usually on features.

The default is the latent part of CPC on filter banks (Robertson and Dunbar 2023, arXiv:2312.01515): one linear layer
with ReLU. CPC on MFCCs stacks five hidden layers with layer norm below a linear output, and drops out in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.activations import ACTIVATIONS, Activation


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # of the output
    hidden: int = 512  # of the layers below the last
    layers: int = 1  # linear layers, the last one included
    activation: Activation = "relu"
    norm: bool = False  # layer norm between a linear layer and its activation
    bias: bool = True  # of the linear layers
    linear_output: bool = False  # true: neither norm nor activation after the last layer
    dropout: float = 0.0  # before the linear layers, while training
    dropout_before: int | None = None  # only before this linear layer, counted from 1; null: before every one

    def __post_init__(self):
        require(
            self.dim >= 1 and self.hidden >= 1 and self.layers >= 1,
            f"mlp: dim, hidden and layers must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"mlp: dropout must lie in [0, 1), got {self.dropout}")
        require(
            self.dropout_before is None or 1 <= self.dropout_before <= self.layers,
            f"mlp: dropout_before must be 1 to layers ({self.layers}) or null, got {self.dropout_before}",
        )


class Encoder(FrameModule):
    """Dropout, linear, norm, activation: ``layers`` times."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        dims = (in_dim, *(cfg.hidden for _ in range(cfg.layers - 1)), cfg.dim)
        self.linears = nn.ModuleList(nn.Linear(a, b, bias=cfg.bias) for a, b in zip(dims[:-1], dims[1:], strict=True))
        finished = dims[1:-1] if cfg.linear_output else dims[1:]
        self.norms = nn.ModuleList(nn.LayerNorm(dim) if cfg.norm else nn.Identity() for dim in finished)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        x_BTD: Tensor = frames.x_BTD
        only = self.cfg.dropout_before
        for i, linear in enumerate(self.linears):
            if only is None or i == only - 1:
                x_BTD = F.dropout(x_BTD, self.cfg.dropout, self.training)
            x_BTD = linear(x_BTD)
            if i < len(self.norms):
                x_BTD = ACTIVATIONS[self.cfg.activation](self.norms[i](x_BTD))
        return frames.with_x(x_BTD).masked()
