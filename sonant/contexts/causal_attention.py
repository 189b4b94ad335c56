"""Causal self-attention over the whole past or a window of it.

Vaswani et al. 2017 (arXiv:1706.03762); with a limited window as the context of CPC: Robertson and Dunbar 2023
("Bigger is not always better", arXiv:2312.01515), whose layer sizes are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, State, require
from sonant.nn.attention import Positions, TransformerLayer
from sonant.nn.attention_memory import MOST, Window

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

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> State:
        """Nothing remembered; see ``core.Streamable``. Raises SonantError without a width and with phases."""
        cfg = self.cfg
        require(
            cfg.width is not None,
            "causal_attention looks at the whole past, which a stream cannot keep; train or load it with a width",
        )
        require(
            cfg.positions != "period",
            "causal_attention with positions: period counts from the beginning, so that it cannot be streamed",
        )
        sizes = {"heads": cfg.heads, "dim": cfg.dim, "width": cfg.width, "slopes_H": self.stack[0].attention.slopes_H}
        return Window.begin(cfg.layers, batch, **sizes, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """As many frames as are given."""
        outputs = [x_BTD.new_zeros(len(x_BTD), 0, self.dim)]
        for piece_BTD in x_BTD.split(MOST, dim=1) if x_BTD.shape[1] else ():
            window, piece_BTD = Window(state, piece_BTD.shape[1]), self.enter(piece_BTD)
            for layer in self.stack:
                piece_BTD = layer(piece_BTD, window)
            outputs.append(self.leave(self.norm(piece_BTD)))
            state = window.state
        return torch.cat(outputs, dim=1), state
