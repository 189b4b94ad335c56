"""Transformer layers that see the whole past, with sinusoidal positions: the language model of units of 2022.

Vaswani et al. 2017 (arXiv:1706.03762), Sec. 3, the decoder without cross-attention: positions are added once, each
layer normalises its sums, and maps to queries, keys, values and out have no bias (``nn.alibi_transformer``, style
``transformer``). The first tier of ``methods/ulm_projection.py``, whose sizes are the defaults.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, State, require
from sonant.nn.alibi_transformer import Layer
from sonant.nn.attention import causal_bias
from sonant.nn.attention_memory import MOST, Window
from sonant.nn.full_attention import sinusoids


@dataclass(frozen=True)
class Config:
    """Settings of the context."""

    dim: int = 768  # of every layer; a linear map leads there when the encoder's differs
    layers: int = 4
    heads: int = 4  # must divide dim
    ff: int | None = None  # width of the feed-forward nets; null: three times dim
    width: int | None = None  # frames that a frame of one layer sees, itself included; null: the whole past
    dropout: float = 0.1  # while training

    def __post_init__(self):
        require(
            min(self.dim, self.layers, self.heads, self.ff or 1, self.width or 1) >= 1,
            f"causal_transformer: dim, layers, heads, ff and width must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"causal_transformer: dropout must lie in [0, 1), got {self.dropout}")


class Context(FrameModule):
    """Sees the whole past (or layers x (width - 1) frames of it), nothing ahead."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.past = None if cfg.width is None else cfg.layers * (cfg.width - 1)
        self.enter = nn.Identity() if in_dim == cfg.dim else nn.Linear(in_dim, cfg.dim)
        options = {"heads": cfg.heads, "ff": cfg.ff or 3 * cfg.dim, "style": "transformer", "dropout": cfg.dropout}
        self.stack = nn.ModuleList(Layer(cfg.dim, **options) for _ in range(cfg.layers))

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose output is the context's own."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        x_BTD = self.enter(frames.x_BTD)
        t = torch.arange(x_BTD.shape[1], device=x_BTD.device)
        seen_TT = causal_bias(t, t, width=self.cfg.width, slopes_H=None)
        x_BTD = x_BTD + sinusoids(len(t), self.dim, device=x_BTD.device).to(x_BTD.dtype)
        outputs = []
        for layer in self.stack:
            x_BTD = layer(x_BTD, seen_TT)
            outputs.append(frames.with_x(x_BTD).masked())
        return outputs[-1], dict(zip(self.layers, outputs, strict=False))

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> State:
        """Nothing remembered; see ``core.Streamable``. Raises SonantError without a width."""
        cfg = self.cfg
        require(
            cfg.width is not None,
            "causal_transformer looks at the whole past, which a stream cannot keep; train or load it with a width",
        )
        sizes = {"heads": cfg.heads, "dim": cfg.dim, "width": cfg.width, "slopes_H": None}
        return Window.begin(cfg.layers, batch, **sizes, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """As many frames as are given."""
        outputs = [x_BTD.new_zeros(len(x_BTD), 0, self.dim)]
        for piece_BTD in x_BTD.split(MOST, dim=1) if x_BTD.shape[1] else ():
            window, piece_BTD = Window(state, piece_BTD.shape[1]), self.enter(piece_BTD)
            places = sinusoids(piece_BTD.shape[1], self.dim, device=piece_BTD.device, first=state["seen"])
            piece_BTD = piece_BTD + places.to(piece_BTD.dtype)
            for layer in self.stack:
                piece_BTD = layer(piece_BTD, window)
            outputs.append(piece_BTD)
            state = window.state
        return torch.cat(outputs, dim=1), state
