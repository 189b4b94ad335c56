"""The time-delay trunk of x-vectors: five dilated convolutions over feature frames.

Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition", Table 1, up to the pooling. The defaults
are sslsv's ``TDNN``: kernels 5, 3, 3, 1, 1 with dilations 1, 2, 3, 1, 1, no padding, so that a frame sees 15; leaky
ReLU, then batch norm. Its pooling is the section ``embedding`` {pool: statistics, deviation: unbiased, ..}.

ssl-for-slr takes dense kernels ``kernels: [5, 5, 7, 1, 1]`` with ``dilations: [1, 1, 1, 1, 1]``, ``padding: zeros``,
``slope: 0``, ``bias: false`` and ``dropout: 0.5``. Its sub-sampling mask keeps, above the first layer, nothing but the
FIRST INPUT CHANNEL of a kernel's first and last tap, so that each of these layers hears one channel of 512. That is a
defect and not offered; dilation is what it meant. The importer ``keras_speaker`` puts the mask into imported weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.time_delay import Padding, TimeDelay, check_layers


@dataclass(frozen=True)
class Config:
    """Settings of the encoder."""

    dims: tuple[int, ...] = (512, 512, 512, 512, 1500)  # channels of each layer; ssl-for-slr's last: half its vector
    kernels: tuple[int, ...] = (5, 3, 3, 1, 1)  # taps of each layer
    dilations: tuple[int, ...] = (1, 2, 3, 1, 1)  # frames between them
    padding: Padding = "none"  # none: only whole windows; zeros, reflect: as many frames as came in
    slope: float = 0.01  # of the activation below zero; 0 is ReLU
    bias: bool = True  # of the convolutions
    dropout: float = 0.0  # after each layer, while training
    eps: float = 1e-5  # of the batch norms; Keras 1e-3

    def __post_init__(self):
        check_layers("xvector", dims=self.dims, kernels=self.kernels, dilations=self.dilations)
        require(
            len(self.dims) == len(self.kernels) == len(self.dilations),
            f"xvector: dims, kernels and dilations must be of the same length, got {len(self.dims)}, "
            f"{len(self.kernels)} and {len(self.dilations)}",
        )
        require(0 <= self.dropout < 1, f"xvector: dropout must lie in [0, 1), got {self.dropout}")
        require(0 <= self.slope <= 1, f"xvector: slope must lie in [0, 1], got {self.slope}")


class Encoder(FrameModule):
    """(B, T, in_dim) -> (B, T', dims[-1]); with ``padding: none`` T' = T - 14 at the defaults."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dims[-1]
        self.delays = nn.ModuleList()
        self.geometry = source
        for before, dim, kernel, dilation in zip(
            (in_dim, *cfg.dims[:-1]), cfg.dims, cfg.kernels, cfg.dilations, strict=True
        ):
            layer = TimeDelay(
                before,
                dim,
                kernel=kernel,
                dilation=dilation,
                padding=cfg.padding,
                slope=cfg.slope,
                bias=cfg.bias,
                eps=cfg.eps,
                dropout=cfg.dropout,
            )
            self.delays.append(layer)
            self.geometry = layer.stack(self.geometry)

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        for layer in self.delays:
            frames = layer(frames)
        return frames
