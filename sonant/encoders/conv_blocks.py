"""Residual convolution blocks on features: an encoder that a laptop trains in minutes.

    h_0     = gelu(conv(features))                      kernel ``first_kernel``, stride ``stride``
    h_{n+1} = h_n + linear(gelu(conv(norm(h_n))))       kernel ``kernel``, stride 1
    z       = norm(h_N)

The residual layout of ConvNeXt (Liu et al. 2022, arXiv:2201.03545), with full instead of depth-wise kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.conv import Conv


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # channels of every layer and of the output
    blocks: int = 3  # residual blocks
    kernel: int = 3  # of the blocks, in output frames
    first_kernel: int = 3  # of the first convolution, in feature frames
    stride: int = 1  # feature frames per output frame
    causal: bool = False  # true: no frame sees a later one
    dropout: float = 0.0  # at the end of each block, while training

    def __post_init__(self):
        require(
            min(self.dim, self.kernel, self.first_kernel, self.stride) >= 1 and self.blocks >= 0,
            f"conv_blocks: dim, kernels and stride must be at least 1 and blocks at least 0, got {self}",
        )
        require(
            self.first_kernel >= self.stride,
            f"conv_blocks: first_kernel ({self.first_kernel}) below stride ({self.stride}) would skip frames",
        )
        require(0 <= self.dropout < 1, f"conv_blocks: dropout must lie in [0, 1), got {self.dropout}")


class Block(nn.Module):
    """One residual block; keeps the number of frames."""

    def __init__(self, dim: int, *, kernel: int, left: int, right: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.conv = Conv(dim, dim, kernel=kernel, left=left, right=right)
        self.linear, self.dropout = nn.Linear(dim, dim), nn.Dropout(dropout)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, D) -> (B, T, D), zero past each length."""
        inner = self.conv(frames.with_x(self.norm(frames.x_BTD)).masked())
        change_BTD = self.dropout(self.linear(F.gelu(inner.x_BTD)))
        return frames.with_x(frames.x_BTD + change_BTD).masked()


class Encoder(FrameModule):
    """A strided convolution, residual blocks, a norm. The blocks' reach counts as past and future frames."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dim
        total = cfg.first_kernel - 1 if cfg.causal else cfg.first_kernel - cfg.stride
        first = total if cfg.causal else (total + 1) // 2
        self.first = Conv(in_dim, cfg.dim, kernel=cfg.first_kernel, stride=cfg.stride, left=first, right=total - first)
        before = cfg.kernel - 1 if cfg.causal else (cfg.kernel - 1) // 2
        after = cfg.kernel - 1 - before
        self.blocks = nn.ModuleList(
            Block(cfg.dim, kernel=cfg.kernel, left=before, right=after, dropout=cfg.dropout) for _ in range(cfg.blocks)
        )
        self.norm = nn.LayerNorm(cfg.dim)
        self.geometry = self.first.stack(source)
        self.past, self.future = cfg.blocks * before, cfg.blocks * after

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T', dim)."""
        frames = self.first(frames)
        frames = frames.with_x(F.gelu(frames.x_BTD)).masked()
        for block in self.blocks:
            frames = block(frames)
        return frames.with_x(self.norm(frames.x_BTD)).masked()
