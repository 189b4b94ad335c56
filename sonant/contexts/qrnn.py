"""Quasi-recurrent layers over the whole past: nearly the reach of a GRU, and its frames are computed at once.

Bradbury et al. 2016 (arXiv:1611.01576); inside the encoder of PASE+ (Ravanelli et al. 2020, arXiv:2001.09239), where
one layer has window 2 and 512 units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.qrnn import QRNN, QRNNState


@dataclass(frozen=True)
class Config:
    """Settings of the context."""

    dim: int = 512  # of every layer's memory
    layers: int = 1
    window: int = 2  # frames that the gates see: 1, or 2
    output_gate: bool = True  # "fo" pooling; false: "f"
    zoneout: float = 0.0  # share of channels that keep their memory at a frame, while training
    dropout: float = 0.0  # of every layer's output but the last one's, while training

    def __post_init__(self):
        require(
            self.dim >= 1 and self.layers >= 1,
            f"qrnn: dim and layers must be at least 1, got dim {self.dim}, layers {self.layers}",
        )
        require(self.window in (1, 2), f"qrnn: window must be 1 or 2 frames, got {self.window}")
        for name in ("zoneout", "dropout"):
            value = getattr(self, name)
            require(0 <= value < 1, f"qrnn: {name} must lie in [0, 1), got {value}")


class Context(FrameModule):
    """(B, T, in_dim) -> (B, T, dim), from zero at every utterance."""

    past, future = None, 0

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.qrnn = QRNN(
            in_dim,
            cfg.dim,
            layers=cfg.layers,
            window=cfg.window,
            output_gate=cfg.output_gate,
            zoneout=cfg.zoneout,
            dropout=cfg.dropout,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose output is the context's own."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers))

    def forward(self, frames: Frames) -> Frames:
        """Zero past each length."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        outputs = [frames.with_x(x_BTD).masked() for x_BTD in self.qrnn(frames.x_BTD)[0]]
        return outputs[-1], dict(zip(self.layers, outputs[:-1], strict=True))

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> list[QRNNState]:
        """Zeros; see ``core.Streamable``."""
        return [
            layer.start(torch.zeros(batch, 0, layer.in_dim, device=device, dtype=dtype)) for layer in self.qrnn.layers
        ]

    def step(self, x_BTN: Tensor, states: list[QRNNState] | None = None) -> tuple[Tensor, list[QRNNState]]:
        """The next (B, T, in_dim) frames of a stream, and the states to go on from; None: its beginning."""
        outputs, states = self.qrnn(x_BTN, states)
        return outputs[-1], states
