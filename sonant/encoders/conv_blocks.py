"""Residual convolution blocks on features: an encoder that a laptop trains in minutes.

    h_0     = gelu(conv(features))                      kernel ``first_kernel``, stride ``stride``
    h_{n+1} = h_n + linear(gelu(conv(norm(h_n))))       kernel ``kernel``, stride 1
    z       = norm(h_N)

The residual layout of ConvNeXt (Liu et al. 2022, arXiv:2201.03545), with full instead of depth-wise kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, State, require
from sonant.core.streaming import begin_all
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

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[State, Tensor]:
        """What the convolution needs, and frames (B, R, D) that wait for those it looks ahead to."""
        own = self.conv.begin(batch, device=device, dtype=dtype)
        return own, torch.zeros(batch, 0, self.conv.in_channels, device=device, dtype=dtype)

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[tuple[State, Tensor], int]:
        """See ``core.Even``."""
        own, early = self.conv.begin_even(batch, early, device=device, dtype=dtype)
        waiting_BRD = torch.zeros(batch, self.conv.right, self.conv.in_channels, device=device, dtype=dtype)
        return (own, waiting_BRD), early

    def step(self, x_BTD: Tensor, state: tuple[State, Tensor]) -> tuple[Tensor, tuple[State, Tensor]]:
        """The frames that (B, T, D) completes."""
        inner_BTD, own = self.conv.step(self.norm(x_BTD), state[0])
        x_BTD, T = torch.cat([state[1], x_BTD], dim=1), inner_BTD.shape[1]
        return x_BTD[:, :T] + self.linear(F.gelu(inner_BTD)), (own, x_BTD[:, T:])


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

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[State, ...]:
        """As of each layer; see ``core.Streamable``."""
        return tuple(layer.begin(batch, device=device, dtype=dtype) for layer in (self.first, *self.blocks))

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[tuple[State, ...], int]:
        """See ``core.Even``."""
        return begin_all((self.first, *self.blocks), batch, early, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """The frames that (B, T, in_dim) completes."""
        x_BTD, first = self.first.step(x_BTD, state[0])
        x_BTD, after = F.gelu(x_BTD), [first]
        for block, own in zip(self.blocks, state[1:], strict=True):
            x_BTD, own = block.step(x_BTD, own)
            after.append(own)
        return self.norm(x_BTD), tuple(after)
