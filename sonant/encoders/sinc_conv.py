"""Band-pass filters learnt in Hz below the convolutions of CPC: the SincNet encoder of ssl-for-slr.

    x_1 = relu(norm(sinc(wave)))                          512 filters of 11 samples every 5
    x_l = relu(norm(conv(x_{l-1})))                       kernels 8, 4, 4, 4 and strides 4, 2, 2, 2
    z   = norm(linear(x_5))                               each frame by itself

Norms are over the channels of a frame. A frame is 160 samples (10 ms at 16 kHz), and n samples give n // 160 frames.
The original asks for filters of 10 samples, which are made 11; filters of 251 (``kernel: 251``) are those of SincNet.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.conv import Conv, same_padding
from sonant.nn.sinc import SincConv

KERNELS, STRIDES = (8, 4, 4, 4), (4, 2, 2, 2)  # above the filters


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # of the output
    channels: int = 512  # filters, and channels of the convolutions
    kernel: int = 11  # samples of a filter; an even number is made odd
    stride: int = 5  # samples from one frame of the filters to the next
    lowest_hz: float = 30.0  # lower edge of the first filter before training
    eps: float = 1e-3  # added to the variance by the norms; Keras's

    def __post_init__(self):
        require(min(self.dim, self.channels) >= 2, f"sinc_conv: dim and channels must be at least 2, got {self}")


class Encoder(FrameModule):
    """(B, L, 1) waveforms -> (B, T, dim)."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        require(in_dim == 1 and source.hop == 1, "sinc_conv: filters in Hz are for waveforms; leave out 'features'")
        self.cfg, self.dim = cfg, cfg.dim
        self.sinc = SincConv(
            cfg.channels,
            kernel=cfg.kernel,
            stride=cfg.stride,
            sample_rate=source.sample_rate,
            lowest_hz=cfg.lowest_hz,
        )
        self.convs = nn.ModuleList()
        self.geometry = self.sinc.stack(source)
        for kernel, stride in zip(KERNELS, STRIDES, strict=True):
            left, right = same_padding(kernel, stride)
            conv = Conv(cfg.channels, cfg.channels, kernel=kernel, stride=stride, left=left, right=right)
            self.convs.append(conv)
            self.geometry = conv.stack(self.geometry)
        self.norms = nn.ModuleList(nn.LayerNorm(cfg.channels, eps=cfg.eps) for _ in range(len(KERNELS) + 1))
        self.linear, self.last_norm = nn.Linear(cfg.channels, cfg.dim), nn.LayerNorm(cfg.dim, eps=cfg.eps)

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        for layer, norm in zip((self.sinc, *self.convs), self.norms, strict=True):
            frames = layer(frames)
            frames = frames.with_x(norm(frames.x_BTD).relu()).masked()
        return frames.with_x(self.last_norm(self.linear(frames.x_BTD))).masked()
