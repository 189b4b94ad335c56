"""Causal self-attention over the whole past or a window of it.

Vaswani et al. 2017 (arXiv:1706.03762); with a limited window as the context of CPC: Robertson and Dunbar 2023
("Bigger is not always better", arXiv:2312.01515), whose layer sizes are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import FrameGeometry
from sonant.nn.attention import Positions, TransformerLayer

from ._attention import Attention, AttentionConfig


@dataclass(frozen=True)
class Config(AttentionConfig):
    """Settings of the context."""

    width: int | None = None  # frames that a frame of one layer sees, itself included; null: the whole past
    positions: Positions = (
        "none"  # alibi: nearer frames weigh more (arXiv:2108.12409); period: frames see their own phase only
    )


class Context(Attention):
    """Sees layers x (width - 1) past frames, none ahead."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__(cfg, source=source, in_dim=in_dim)
        self.past = None if cfg.width is None else cfg.layers * (cfg.width - 1)

    def layer(self, cfg: Config) -> nn.Module:
        return TransformerLayer(
            cfg.dim,
            heads=cfg.heads,
            ff=cfg.ff,
            width=cfg.width,
            positions=cfg.positions,
            period=cfg.period,
            norm=cfg.norm,
            dropout=cfg.dropout,
        )
