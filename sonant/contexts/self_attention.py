"""Self-attention over whole utterances, past and future alike: the unmasked twin of ``causal_attention``.

Vaswani et al. 2017 (arXiv:1706.03762) as the context network of Robertson and Dunbar 2023 (arXiv:2312.01515). Without
positions, as there, it knows nothing of order. It needs the whole utterance and cannot stream; predictive methods that
must not look ahead refuse it.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, mask_of, require
from sonant.nn.attention import same_phase
from sonant.nn.full_attention import FullLayer


@dataclass(frozen=True)
class Config:
    """Settings of the context."""

    dim: int = 256  # of every layer; a linear map leads there when the encoder's differs
    layers: int = 1
    heads: int = 8  # must divide dim
    ff: int = 1024  # width of the feed-forward nets
    positions: Literal["none", "period"] = "none"  # period: frames see their own phase only
    period: int = 100  # frames, for comparison with models of scpc (nn/attention.py)
    norm: Literal["post", "pre"] = "post"  # layer norm after the residual sums or before the sub-layers
    out: int | None = None  # a last linear map leads to this size; null: none, the output has dim
    dropout: float = 0.0  # while training

    def __post_init__(self):
        require(
            min(self.dim, self.layers, self.heads, self.ff, self.period, self.out or 1) >= 1,
            f"self_attention: dim, layers, heads, ff, period and out must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"self_attention: dropout must lie in [0, 1), got {self.dropout}")


class Context(FrameModule):
    """Transformer layers over the real frames, and a final layer norm."""

    past = future = None

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.out or cfg.dim
        self.enter = nn.Identity() if in_dim == cfg.dim else nn.Linear(in_dim, cfg.dim)
        self.stack = nn.ModuleList(
            FullLayer(
                cfg.dim,
                heads=cfg.heads,
                ff=cfg.ff,
                norm=cfg.norm,
                activation="relu",
                eps=1e-5,
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
        """(B, T, in_dim) -> (B, T, dim), or (B, T, out)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        seen = self._seen(frames)
        outputs, x_BTD = [], self.enter(frames.x_BTD)
        for layer in self.stack:
            x_BTD = layer(x_BTD, seen)
            outputs.append(frames.with_x(x_BTD).masked())
        return frames.with_x(self.leave(self.norm(x_BTD))).masked(), dict(zip(self.layers, outputs, strict=False))

    def _seen(self, frames: Frames) -> Tensor | None:
        """What may be looked at, as ``FullAttention`` takes it: the real frames, of the same phase if asked for."""
        T = frames.x_BTD.shape[1]
        seen_BT = mask_of(frames.lengths_B.clamp(min=1), T)
        if self.cfg.positions == "none":
            return None if bool(seen_BT.all()) else seen_BT
        t = torch.arange(T, device=frames.device)
        own = torch.eye(T, dtype=torch.bool, device=frames.device)  # padding sees itself, so that it is a number
        return (same_phase(t, t, self.cfg.period) & seen_BT[:, None, :]) | own
