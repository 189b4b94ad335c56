"""What the self-attention contexts share: a stack of Transformer layers with a final layer norm.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require


@dataclass(frozen=True)
class AttentionConfig:
    """Settings of a self-attention context."""

    dim: int = 256  # of every layer; a linear map leads there when the encoder's differs
    layers: int = 1
    heads: int = 8  # must divide dim
    ff: int = 1024  # width of the feed-forward nets
    period: int = 100  # frames (positions: period), for comparison with models of scpc (nn/attention.py)
    norm: Literal["post", "pre"] = "post"  # layer norm after the residual sums or before the sub-layers
    out: int | None = None  # a last linear map leads to this size; null: none, the output has dim
    dropout: float = 0.0  # while training

    def __post_init__(self):
        name = type(self).__module__.rpartition(".")[2]
        require(
            min(self.dim, self.layers, self.heads, self.ff, self.period, self.out or 1) >= 1,
            f"{name}: dim, layers, heads, ff, period and out must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"{name}: dropout must lie in [0, 1), got {self.dropout}")


class Attention(FrameModule):
    """Transformer layers, a final layer norm, and a last linear map if asked for. A subclass gives ``layer``."""

    def __init__(self, cfg: AttentionConfig, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.out or cfg.dim
        self.enter = nn.Identity() if in_dim == cfg.dim else nn.Linear(in_dim, cfg.dim)
        self.stack = nn.ModuleList(self.layer(cfg) for _ in range(cfg.layers))
        self.norm = nn.LayerNorm(cfg.dim)
        self.leave = nn.Identity() if cfg.out is None else nn.Linear(cfg.dim, cfg.out)

    def layer(self, cfg: AttentionConfig) -> nn.Module:
        """A fresh layer: called with (B, T, D) and what ``inputs_of_layers`` gives besides."""
        raise TypeError(f"{type(self).__name__} defines no layer")

    def inputs_of_layers(self, frames: Frames) -> tuple[Tensor | None, ...]:
        """What every layer takes besides its frames."""
        return ()

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose normalised output is the context's own; none with ``out``."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers)) if self.cfg.out is None else ()

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim), or (B, T, out)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        besides = self.inputs_of_layers(frames)
        outputs, x_BTD = [], self.enter(frames.x_BTD)
        for layer in self.stack:
            x_BTD = layer(x_BTD, *besides)
            outputs.append(frames.with_x(x_BTD).masked())
        return frames.with_x(self.leave(self.norm(x_BTD))).masked(), dict(zip(self.layers, outputs, strict=False))
