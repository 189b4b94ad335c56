"""Wav2Spk: strided convolutions on the waveform, a gate for every frame, convolutions over the gated frames.

Lin and Mak 2020, "Wav2Spk: a simple DNN architecture for learning speaker embeddings from waveforms" (Interspeech), in
the sizes of ssl-for-slr:

    x_l = norm(relu(conv(x_{l-1})))      channels 40, 200, 300, 512, 512; kernels 10, 5, 5, 3, 3; strides 5, 4, 2, 2, 2
    g_t = sigmoid(w . x_t + b)           one number a frame; x_t * g_t goes on
    y_l = norm(relu(conv(y_{l-1})))      four times 512 channels, kernel 3

Norms are over the time of an utterance, channel by channel (instance norm), so every frame depends on the whole of
it. A frame is 160 samples (10 ms at 16 kHz), and n samples give n // 160 frames. The pooling is the section
``embedding``, {pool: statistics, ..}.

Two things differ from ssl-for-slr. Its gate has one bias for each of 128 time steps, so that it takes 1.28 s and
nothing else, and tells frames apart by their place: here b is one number. Its last four convolutions follow each other
without a nonlinearity and so are one: here each has the ReLU and the norm of those below.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.conv import Conv, same_padding
from sonant.nn.norm import InstanceNorm


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dims: tuple[int, ...] = (40, 200, 300, 512, 512)  # channels of the strided convolutions
    kernels: tuple[int, ...] = (10, 5, 5, 3, 3)  # their taps
    strides: tuple[int, ...] = (5, 4, 2, 2, 2)  # their strides
    layers: int = 4  # convolutions over the gated frames
    dim: int = 512  # channels of these
    kernel: int = 3  # taps of these

    def __post_init__(self):
        sizes = (*self.dims, *self.kernels, *self.strides, self.dim, self.kernel)
        require(
            len(self.dims) == len(self.kernels) == len(self.strides) > 0,
            f"wav2spk: dims, kernels and strides must be of the same length, got {len(self.dims)}, "
            f"{len(self.kernels)} and {len(self.strides)}",
        )
        require(min(sizes) >= 1 and self.layers >= 0, f"wav2spk: sizes must be at least 1, layers at least 0: {self}")
        require(
            all(kernel >= stride for kernel, stride in zip(self.kernels, self.strides, strict=True)),
            f"wav2spk: kernels {self.kernels} below strides {self.strides} would skip samples",
        )
        require(self.kernel % 2 == 1, f"wav2spk: kernel must be odd, so that frames keep their place: {self.kernel}")


class ConvBlock(nn.Module):
    """Convolution, ReLU, instance norm; zero past each length."""

    def __init__(self, in_dim: int, dim: int, *, kernel: int, stride: int):
        super().__init__()
        left, right = same_padding(kernel, stride)
        self.conv = Conv(in_dim, dim, kernel=kernel, stride=stride, left=left, right=right)
        self.norm = InstanceNorm(dim)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T // stride, dim)."""
        frames = self.conv(frames)
        return frames.with_x(self.norm(frames.x_BTD.relu(), frames.mask_BT)).masked()


class Encoder(FrameModule):
    """(B, L, 1) waveforms, or features -> (B, T, dim)."""

    past = future = None

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dim if cfg.layers else cfg.dims[-1]
        before = (in_dim, *cfg.dims[:-1])
        self.convs = nn.ModuleList(
            ConvBlock(a, dim, kernel=kernel, stride=stride)
            for a, dim, kernel, stride in zip(before, cfg.dims, cfg.kernels, cfg.strides, strict=True)
        )
        self.gate = nn.Linear(cfg.dims[-1], 1)
        self.aggregate = nn.ModuleList(
            ConvBlock(cfg.dim if i else cfg.dims[-1], cfg.dim, kernel=cfg.kernel, stride=1) for i in range(cfg.layers)
        )
        self.geometry = source
        for block in (*self.convs, *self.aggregate):
            self.geometry = block.conv.stack(self.geometry)

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        for block in self.convs:
            frames = block(frames)
        frames = frames.with_x(frames.x_BTD * torch.sigmoid(self.gate(frames.x_BTD)))
        for block in self.aggregate:
            frames = block(frames)
        return frames
