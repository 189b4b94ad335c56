"""The strided convolutions of wav2vec 2.0 on raw waveforms, which HuBERT, WavLM, data2vec, DinoSR and SpidR share.

Baevski et al. 2020 (arXiv:2006.11477), Sec. 2 and 4.2: seven layers of 512 channels; at 16 kHz a window of 400 samples
(25 ms) and a hop of 320 (20 ms), 49 frames a second. BASE models normalise each channel over the whole utterance
after the first layer, LARGE models and data2vec each frame over its channels after every layer.

The original code normalises channels over the padding of a batch as well, so that an utterance depends on the lengths
of those beside it. Here statistics are those of the real frames, which is what it computes for an utterance alone.

Letters: B utterances, L samples, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.activations import ACTIVATIONS, Activation
from sonant.nn.conv import Conv
from sonant.nn.norm import InstanceNorm


@dataclass(frozen=True)
class Config:
    """Settings of the encoder; the defaults are the BASE model of the paper."""

    dims: tuple[int, ...] = (512,) * 7  # channels of each layer; the last is the output's
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)  # of each layer, in frames of the one below
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)  # likewise
    norm: Literal["first", "every"] = "first"  # channels over time after the first layer, or frames after every one
    bias: bool = False  # of the convolutions
    activation: Activation = "gelu"
    standardise: bool = True  # each waveform to mean 0 and variance 1, as most of these models were trained
    eps: float = 1e-7  # added to that variance; transformers 1e-7, fairseq and SpidR 1e-5

    def __post_init__(self):
        sizes = (self.dims, self.kernels, self.strides)
        require(
            len({len(size) for size in sizes}) == 1 and self.dims and min(map(min, sizes)) >= 1,
            f"wav2vec_conv: dims, kernels and strides need one number of at least 1 for each layer, got {sizes}",
        )
        require(self.eps >= 0, f"wav2vec_conv: eps must not be negative, got {self.eps}")


class Encoder(FrameModule):
    """Convolution, norm, activation, mask: once a layer."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dims[-1]
        dims = (in_dim, *cfg.dims)
        self.convs = nn.ModuleList(
            Conv(dims[i], dims[i + 1], kernel=cfg.kernels[i], stride=cfg.strides[i], bias=cfg.bias)
            for i in range(len(cfg.dims))
        )
        whole = cfg.norm == "first"
        self.norms = nn.ModuleList([InstanceNorm(cfg.dims[0])] if whole else [nn.LayerNorm(dim) for dim in cfg.dims])
        self.geometry = source
        for conv in self.convs:
            self.geometry = conv.stack(self.geometry)
            nn.init.kaiming_normal_(conv.weight)
        if whole or cfg.standardise:  # statistics over the whole utterance
            self.past = self.future = None

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, dim) frames."""
        if self.cfg.standardise:
            frames = standardised(frames, eps=self.cfg.eps)
        for i, conv in enumerate(self.convs):
            frames = conv(frames)
            x_BTD = frames.x_BTD
            if i < len(self.norms):
                norm = self.norms[i]
                x_BTD = norm(x_BTD, frames.mask_BT) if isinstance(norm, InstanceNorm) else norm(x_BTD)
            frames = frames.with_x(ACTIVATIONS[self.cfg.activation](x_BTD)).masked()
        return frames


def standardised(frames: Frames, *, eps: float) -> Frames:
    """Each utterance less its mean, over the root of its variance plus ``eps``; zero past each length."""
    outside_BT1 = ~frames.mask_BT[:, :, None]
    x = frames.x_BTD.to(torch.promote_types(frames.x_BTD.dtype, torch.float32))
    count = (frames.lengths_B.clamp(min=1) * frames.dim)[:, None, None]
    x = (x - x.masked_fill(outside_BT1, 0.0).sum((1, 2), keepdim=True) / count).masked_fill(outside_BT1, 0.0)
    variance = x.square().sum((1, 2), keepdim=True) / count
    return frames.with_x((x / (variance + eps).sqrt()).to(frames.x_BTD.dtype))
