"""The convolutional body of non-autoregressive predictive coding: each frame sees its surroundings and not itself.

Liu, Chung and Glass 2020 (arXiv:2011.00406), Sec. 2: convolution blocks and masked convolution blocks.

    b_0 = x        b_i = block_i(b_{i-1}), each seeing one more frame on both sides
    h_t = sum_i tanh( masked_conv_i(b_i) )_t

Masked convolution i has a kernel of ``kernel`` taps whose ``mask + 2 i`` middle ones are missing: b_i at t - j holds x
up to t - j + i, so that h_t knows nothing of the ``mask`` frames around t, and reaches kernel // 2 + blocks frames to
both sides: R = kernel + 2 blocks in all. The taps that are there make two short convolutions, left and right.

Batch normalisation takes its statistics from the real frames alone, so that padding changes nothing.

Letters: B utterances, T frames, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.conv import Conv
from sonant.nn.norm import norm


@dataclass(frozen=True)
class Config:
    """Settings of the context; the defaults are those of the paper's release."""

    dim: int = 512  # channels of all blocks
    blocks: int = 4
    kernel: int = 15  # frames of a masked convolution, odd
    mask: int = 5  # frames around its own that an output frame cannot see, odd (M_in)
    residual: bool = True  # every block after the first adds its input to its output
    norm: Literal["batch", "none"] = "batch"
    activation: Literal["relu", "tanh"] = "relu"
    dropout: float = 0.1  # in each block, while training
    every_block: bool = True  # false: only the last block's masked convolution makes the output

    def __post_init__(self):
        require(min(self.dim, self.blocks) >= 1, f"npc: dim and blocks must be at least 1, got {self}")
        require(
            self.kernel % 2 == 1 and self.mask % 2 == 1 and self.mask >= 1,
            f"npc: kernel and mask must be odd, so that they have a middle, got {self.kernel} and {self.mask}",
        )
        require(
            self.mask + 2 * self.blocks < self.kernel,
            f"npc: mask + 2 blocks ({self.mask + 2 * self.blocks}) must be below kernel ({self.kernel}), else the last "
            "masked convolution has no tap left; raise kernel or lower blocks",
        )
        require(0 <= self.dropout < 1, f"npc: dropout must lie in [0, 1), got {self.dropout}")


class ConvBlock(nn.Module):
    """A convolution over three frames and a pointwise one, normalised, with a residual path if asked for."""

    def __init__(self, cfg: Config, *, in_dim: int, residual: bool):
        super().__init__()
        self.residual = residual
        self.conv, self.linear = Conv(in_dim, cfg.dim, kernel=3, left=1), nn.Linear(cfg.dim, cfg.dim)
        self.norm_conv, self.norm_linear = norm(cfg.norm, cfg.dim), norm(cfg.norm, cfg.dim)
        self.activate = {"relu": torch.relu, "tanh": torch.tanh}[cfg.activation]
        self.dropout = nn.Dropout(cfg.dropout)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, C)."""
        mask_BT = frames.mask_BT
        y_BTC = self.activate(self.norm_conv(self.conv(frames).x_BTD, mask_BT))
        y_BTC = self.dropout(self.norm_linear(self.linear(y_BTC), mask_BT))
        if self.residual:
            y_BTC = y_BTC + frames.x_BTD
        return frames.with_x(self.activate(y_BTC)).masked()


class MaskedConv(nn.Module):
    """tanh of a convolution whose ``mask`` middle taps are missing.

    Args:
        dim: channels in and out.
        kernel, mask: frames, both odd, mask < kernel.
    """

    def __init__(self, dim: int, *, kernel: int, mask: int):
        super().__init__()
        taps, half = (kernel - mask) // 2, kernel // 2
        self.left = Conv(dim, dim, kernel=taps, left=half, right=half)
        self.right = Conv(dim, dim, kernel=taps, left=half, right=half, bias=False)
        bound = (dim * kernel) ** -0.5  # as a convolution with all of its taps begins
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, C) -> (B, T, C)."""
        T = frames.x_BTD.shape[1]
        if T == 0:
            return frames
        y_BTC = self.left(frames).x_BTD[:, :T] + self._last(self.right(frames).x_BTD, T)
        return frames.with_x(torch.tanh(y_BTC)).masked()

    @staticmethod
    def _last(y_BTC: Tensor, frames: int) -> Tensor:
        return y_BTC[:, y_BTC.shape[1] - frames :]


class Context(FrameModule):
    """A stack of convolution blocks; the output is the sum of what masked convolutions make of each."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim, self.blind = cfg, source, cfg.dim, cfg.mask
        self.past = self.future = cfg.kernel // 2 + cfg.blocks
        self.blocks = nn.ModuleList(
            ConvBlock(cfg, in_dim=cfg.dim if i else in_dim, residual=cfg.residual and i > 0) for i in range(cfg.blocks)
        )
        shown = range(1 if cfg.every_block else cfg.blocks, cfg.blocks + 1)
        self.masked_convs = nn.ModuleDict(
            {str(i): MaskedConv(cfg.dim, kernel=cfg.kernel, mask=cfg.mask + 2 * i) for i in shown}
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """``block_1`` .. of the blocks, which see their own frame, then ``masked_1`` .. whose sum is the output."""
        blocks = (f"block_{i}" for i in range(1, self.cfg.blocks + 1))
        return (*blocks, *(f"masked_{i}" for i in self.masked_convs))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The sum, the outputs of the blocks and the terms of the sum by name."""
        inner: dict[str, Frames] = {}
        for i, block in enumerate(self.blocks, start=1):
            frames = inner[f"block_{i}"] = block(frames)
        for i, conv in self.masked_convs.items():
            inner[f"masked_{i}"] = conv(inner[f"block_{i}"])
        terms = [inner[f"masked_{i}"].x_BTD for i in self.masked_convs]
        return frames.with_x(torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]), inner
