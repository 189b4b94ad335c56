"""Causal self-attention over the whole past or a window of it.

Vaswani et al. 2017 (arXiv:1706.03762); with a limited window as the context of CPC: Robertson and Dunbar 2023
("Bigger is not always better", arXiv:2312.01515), whose layer sizes are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.attention import Positions, TransformerLayer


@dataclass(frozen=True)
class Config:
    """Settings of the context."""

    dim: int = 256  # of every layer; a linear map leads there when the encoder's differs
    layers: int = 1
    heads: int = 8  # must divide dim
    ff: int = 1024  # width of the feed-forward nets
    width: int | None = None  # frames that a frame of one layer sees, itself included; null: the whole past
    positions: Positions = (
        "none"  # alibi: nearer frames weigh more (arXiv:2108.12409); period: frames see their own phase only
    )
    period: int = 100  # frames, for comparison with models of scpc (nn/attention.py)
    out: int | None = None  # a last linear map leads to this size; null: none, the output has dim
    norm: Literal["post", "pre"] = "post"  # layer norm after the residual sums or before the sub-layers
    dropout: float = 0.0  # while training

    def __post_init__(self):
        require(
            min(self.dim, self.layers, self.heads, self.ff, self.period, self.out or 1) >= 1,
            f"causal_attention: dim, layers, heads, ff, period and out must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"causal_attention: dropout must lie in [0, 1), got {self.dropout}")


class Context(FrameModule):
    """Transformer layers and a final layer norm. Sees layers x (width - 1) past frames, none ahead."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.out or cfg.dim
        self.past = None if cfg.width is None else cfg.layers * (cfg.width - 1)
        self.enter = nn.Identity() if in_dim == cfg.dim else nn.Linear(in_dim, cfg.dim)
        self.stack = nn.ModuleList(
            TransformerLayer(
                cfg.dim,
                heads=cfg.heads,
                ff=cfg.ff,
                width=cfg.width,
                positions=cfg.positions,
                period=cfg.period,
                norm=cfg.norm,
                dropout=cfg.dropout,
            )
            for _ in range(cfg.layers)
        )
        self.norm = nn.LayerNorm(cfg.dim)
        self.leave = nn.Identity() if cfg.out is None else nn.Linear(cfg.dim, cfg.out)

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose normalised output is the context's own; none with ``out``."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers)) if self.cfg.out is None else ()

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        outputs, x_BTD = [], self.enter(frames.x_BTD)
        for layer in self.stack:
            x_BTD = layer(x_BTD)
            outputs.append(frames.with_x(x_BTD).masked())
        return frames.with_x(self.leave(self.norm(x_BTD))).masked(), dict(zip(self.layers, outputs, strict=False))
