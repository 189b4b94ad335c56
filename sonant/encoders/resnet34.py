"""Residual networks of 34 layers on spectrograms, for vectors of speakers and languages.

He et al. 2016 (arXiv:1512.03385), Table 1, in the sizes that speaker recognition made of it:

    Fast ResNet-34   Chung et al. 2020 (arXiv:2003.11982), as sslsv has it: the defaults, 25 frames a second
    Thin ResNet-34   Xie et al. 2019 (arXiv:1902.10107), as ssl-for-slr has it: base 32, strides [1, 2, 2, 2],
                     stem_kernel 3, stem_stride 1, stem_order conv_relu_norm, bias true, frequency flatten, and for its
                     weights also pad end and input_norm instance; 12.5 frames a second
    wespeaker        Zeinali et al. 2019 (arXiv:1910.12592): base, strides, stem and frequency as in the Thin one, order
                     conv_norm_relu, squeeze null

The image of an utterance is its frames: frequency is what they have of dimensions. One frame comes out per ``prod
strides`` frames in, of ``base`` x 8 channels by what is left of the frequencies, or their mean.

Letters: B utterances, C channels, F frequencies, T frames, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.image_blocks import ImageConv, Order, Pad, ResidualBlock, norm_and_relu
from sonant.nn.norm import InstanceNorm

KERAS_EPS = 1e-3  # of the instance norm in front


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    base: int = 16  # channels of the first stage; each of the others has twice those before it
    blocks: tuple[int, ...] = (3, 4, 6, 3)  # residual blocks of every stage
    strides: tuple[int, ...] = (1, 2, 2, 1)  # of every stage's first block, in time and frequency
    stem_kernel: Literal[3, 7] = 7  # of the first convolution
    stem_stride: Literal[1, 2] = 2  # of the first convolution, in frequency only
    stem_order: Order = "conv_norm_relu"
    order: Order = "conv_relu_norm"  # inside a block
    squeeze: int | None = 8  # reduction of squeeze-excitation; null: without
    bias: bool = False  # of the convolutions
    pad: Pad = "both"  # where a stride above 1 has its zeros: both ends, or the last (Keras)
    input_norm: Literal["none", "instance"] = "none"  # of the frames over time, with weights
    frequency: Literal["mean", "flatten"] = "mean"  # what becomes of it; flatten: channel by channel
    out: int | None = None  # D by a linear layer on every frame; null: without

    def __post_init__(self):
        require(
            len(self.blocks) == len(self.strides) >= 1 and min(*self.blocks, *self.strides, self.base) >= 1,
            "resnet34: need base of at least 1 and as many blocks as strides, all at least 1, got base "
            f"{self.base}, blocks {list(self.blocks)}, strides {list(self.strides)}",
        )
        require(max(self.strides) <= 2, f"resnet34: strides are 1 or 2, got {list(self.strides)}")
        require(
            self.squeeze is None or 1 <= self.squeeze <= self.base,
            f"resnet34: squeeze must lie between 1 and base ({self.base}), or be null, got {self.squeeze}",
        )
        require(self.out is None or self.out >= 1, f"resnet34: out must be at least 1 or null, got {self.out}")


class Encoder(FrameModule):
    """(B, T, in_dim) frames of a spectrogram -> (B, T', dim)."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg = cfg
        self.input_norm = InstanceNorm(in_dim, eps=KERAS_EPS) if cfg.input_norm == "instance" else None
        self.stem = ImageConv(1, cfg.base, kernel=cfg.stem_kernel, stride=(cfg.stem_stride, 1), bias=cfg.bias)
        self.stem_norm = nn.BatchNorm2d(cfg.base)
        self.stages, dim = nn.ModuleList(), cfg.base
        for number, (count, stride) in enumerate(zip(cfg.blocks, cfg.strides, strict=True)):
            stage = nn.ModuleList()
            for b in range(count):
                wide = cfg.base * 2**number
                options = {"order": cfg.order, "squeeze": cfg.squeeze, "bias": cfg.bias, "pad": cfg.pad}
                stage.append(ResidualBlock(dim, wide, stride=stride if b == 0 else 1, **options))
                dim = wide
            self.stages.append(stage)
        self.geometry, heights = self._trace(source, in_dim)
        flat = dim if cfg.frequency == "mean" else dim * heights
        self.out = nn.Linear(flat, cfg.out) if cfg.out else None
        self.dim = cfg.out or flat
        if cfg.squeeze or cfg.input_norm != "none":  # means over the whole utterance
            self.past = self.future = None
        self._initialise()

    def _trace(self, source: FrameGeometry, in_dim: int) -> tuple[FrameGeometry, int]:
        """(where the frames of the result lie, frequencies that are left)."""
        geometry, height = source, in_dim
        for conv in (self.stem, *(c for stage in self.stages for block in stage for c in (block.conv1, block.conv2))):
            left, right = conv.time_padding
            geometry = geometry.stack(kernel=conv.kernel_size[1], stride=conv.stride[1], left=left, right=right)
            height = -(-height // conv.stride[0])
        return geometry, height

    def _initialise(self) -> None:
        """He et al. 2015 (arXiv:1502.01852), Sec. 2.2, backward; memory of the weights as the images have it."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T', dim); T' as the geometry counts it."""
        steps = [block.conv1.stride[1] for stage in self.stages for block in stage]
        lengths_B, T = frames.lengths_B, frames.x_BTD.shape[1]
        padded = not bool((lengths_B >= T).all())
        if T == 0:
            return Frames(frames.x_BTD.new_zeros(len(lengths_B), 0, self.dim), lengths_B, self.geometry)
        x, mask = self._enter(frames), _mask(lengths_B, T) if padded else None
        x = norm_and_relu(self.stem(x), self.stem_norm, mask, self.cfg.stem_order)
        for block, stride in zip((block for stage in self.stages for block in stage), steps, strict=True):
            if stride > 1:
                lengths_B = (lengths_B + stride - 1) // stride
                mask = _mask(lengths_B, -(-x.shape[3] // stride)) if padded else None
            x = block(x, mask)
        return Frames(self._leave(x), lengths_B, self.geometry).masked()

    def _enter(self, frames: Frames) -> Tensor:
        """(B, T, F) -> (B, 1, F, T)."""
        if self.input_norm is not None:
            frames = frames.with_x(self.input_norm(frames.x_BTD, frames.mask_BT)).masked()
        return frames.x_BTD.transpose(1, 2)[:, None].contiguous(memory_format=torch.channels_last)

    def _leave(self, x_BCFT: Tensor) -> Tensor:
        """(B, C, F, T) -> (B, T, D)."""
        if self.cfg.frequency == "mean":
            x_BTD = x_BCFT.mean(2).transpose(1, 2)
        else:
            x_BTD = x_BCFT.permute(0, 3, 1, 2).flatten(2)
        return x_BTD if self.out is None else self.out(x_BTD)


def _mask(lengths_B: Tensor, size: int) -> Tensor:
    """(B, 1, 1, T)."""
    return (torch.arange(size, device=lengths_B.device) < lengths_B[:, None])[:, None, None]
