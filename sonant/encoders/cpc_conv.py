"""The five strided convolutions of contrastive predictive coding on raw waveforms.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Sec. 3.1: 512 channels, no norm. CPC_audio
(Rivière et al. 2020, arXiv:2002.02848, Sec. 3.1) made it 256 channels with channel normalisation, the default here.
At 16 kHz: a window of 465 samples (29 ms), a hop of 160 (10 ms); 20480 samples are 128 frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.conv import Conv
from sonant.nn.norm import NormName, norm

KERNELS, STRIDES, PADDINGS = (10, 8, 4, 4, 4), (5, 4, 2, 2, 2), (3, 2, 1, 1, 1)


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # channels of every layer and of the output; CPC_audio and CPC-small 256, CPC-big and the paper 512
    norm: NormName = "channel"  # after every convolution: channel (CPC_audio "layerNorm"), batch, instance, none
    dropout: float = 0.0  # before every convolution but the first, while training

    def __post_init__(self):
        require(self.dim >= 2, f"cpc_conv: dim must be at least 2, got {self.dim}")
        require(0 <= self.dropout < 1, f"cpc_conv: dropout must lie in [0, 1), got {self.dropout}")


class Encoder(FrameModule):
    """Convolution, norm, ReLU, mask: five times. Frame counts floor at every layer, as the geometry says."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dim
        dims = (in_dim, *(cfg.dim for _ in KERNELS[1:]))
        self.convs = nn.ModuleList(
            Conv(dim, cfg.dim, kernel=kernel, stride=stride, left=padding)
            for dim, kernel, stride, padding in zip(dims, KERNELS, STRIDES, PADDINGS, strict=True)
        )
        self.norms = nn.ModuleList(norm(cfg.norm, cfg.dim) for _ in KERNELS)
        self.geometry = source
        for conv in self.convs:
            self.geometry = conv.stack(self.geometry)
        if cfg.norm == "instance":  # statistics over the whole utterance
            self.past = self.future = None

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, dim) frames."""
        for i, (conv, normalise) in enumerate(zip(self.convs, self.norms, strict=True)):
            if i > 0 and self.cfg.dropout > 0:
                frames = frames.with_x(F.dropout(frames.x_BTD, self.cfg.dropout, self.training))
            frames = conv(frames)
            frames = frames.with_x(F.relu(normalise(frames.x_BTD, frames.mask_BT))).masked()
        return frames
