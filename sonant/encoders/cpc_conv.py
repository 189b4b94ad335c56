"""The five strided convolutions of contrastive predictive coding on raw waveforms.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Sec. 3.1: 512 channels, no norm. CPC_audio
(Rivière et al. 2020, arXiv:2002.02848, Sec. 3.1) made it 256 channels with channel normalisation, the default here.
At 16 kHz: a window of 465 samples (29 ms), a hop of 160 (10 ms); 20480 samples are 128 frames.

Others train the same convolutions: sslsv's SimpleAudioCNN with ``norm: batch``, ``bias: false`` and 512 channels below
the last layer (``hidden: 512``); ssl-for-slr with ``norm: layer``, ``eps: 1e-3``, ``padding: same``, ``hidden: 512``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, State, require
from sonant.core.streaming import begin_all
from sonant.nn.conv import Conv, same_padding
from sonant.nn.norm import NormName, norm

KERNELS, STRIDES, PADDINGS = (10, 8, 4, 4, 4), (5, 4, 2, 2, 2), (3, 2, 1, 1, 1)


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dim: int = 256  # channels of every layer and of the output; CPC_audio and CPC-small 256, CPC-big and the paper 512
    hidden: int | None = None  # channels of the layers below the last; null: dim
    norm: NormName = "channel"  # after every convolution: channel (CPC_audio "layerNorm"), layer, batch, instance, none
    eps: float = 1e-5  # added to the variance by the norms; Keras 1e-3
    bias: bool = True  # of the convolutions
    padding: Literal["symmetric", "same"] = "symmetric"  # symmetric: 3, 2, 1, 1, 1 zeros on both sides (CPC_audio);
    # same: kernel - stride zeros in all, an odd one behind (Keras on lengths that the stride divides), L // 160 frames
    dropout: float = 0.0  # before every convolution but the first, while training

    def __post_init__(self):
        require(self.dim >= 2, f"cpc_conv: dim must be at least 2, got {self.dim}")
        require(self.hidden is None or self.hidden >= 2, f"cpc_conv: hidden must be at least 2, got {self.hidden}")
        require(0 <= self.dropout < 1, f"cpc_conv: dropout must lie in [0, 1), got {self.dropout}")


def paddings(name: str) -> list[tuple[int, int]]:
    """Zeros (before, behind) each of the five layers."""
    if name == "symmetric":
        return [(zeros, zeros) for zeros in PADDINGS]
    return [same_padding(kernel, stride) for kernel, stride in zip(KERNELS, STRIDES, strict=True)]


class Encoder(FrameModule):
    """Convolution, norm, ReLU, mask: five times. Frame counts floor at every layer, as the geometry says."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int = 1):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dim
        dims = (*((cfg.hidden or cfg.dim) for _ in KERNELS[1:]), cfg.dim)
        self.convs = nn.ModuleList(
            Conv(before, dim, kernel=kernel, stride=stride, left=left, right=right, bias=cfg.bias)
            for before, dim, kernel, stride, (left, right) in zip(
                (in_dim, *dims[:-1]), dims, KERNELS, STRIDES, paddings(cfg.padding), strict=True
            )
        )
        self.norms = nn.ModuleList(norm(cfg.norm, dim, eps=cfg.eps) for dim in dims)
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

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The input that each layer still needs; see ``core.Streamable``."""
        return tuple(conv.begin(batch, device=device, dtype=dtype) for conv in self.convs)

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """As of each layer; see ``core.Even``."""
        return begin_all(self.convs, batch, early, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The frames that samples (B, L, 1) complete: frame t comes with sample 160 t + 311 (``symmetric``)."""
        after = []
        for conv, normalise, tail in zip(self.convs, self.norms, state, strict=True):
            x_BTD, tail = conv.step(x_BTD, tail)
            x_BTD = F.relu(normalise(x_BTD, x_BTD.new_ones(x_BTD.shape[:2], dtype=torch.bool)))
            after.append(tail)
        return x_BTD, tuple(after)
