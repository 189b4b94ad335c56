"""A bidirectional Transformer encoder: the body of Mockingjay, TERA and Audio-ALBERT.

Liu et al. 2019 (arXiv:1910.12638); Liu, Li and Lee 2020 (arXiv:2007.06028); with one layer used throughout
Chi et al. 2020 (arXiv:2005.08575). After Vaswani et al. 2017 (arXiv:1706.03762) and Devlin et al. 2019.

    h_0 = norm(W x_t + b + sinusoids(t))        h_l = layer_l(h_{l-1}), l = 1 .. L

Every frame sees the whole utterance, so that this context needs it and cannot stream. Initial weights are BERT's.

Letters: B utterances, T frames, D channels, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.activations import Activation
from sonant.nn.full_attention import FullLayer, bert_init, seen_frames, sinusoids


@dataclass(frozen=True)
class Config:
    """Settings of the context; the defaults are the BASE models of the three papers."""

    dim: int = 768  # of every layer
    layers: int = 3  # L; Mockingjay LARGE 12
    heads: int = 12  # must divide dim
    ff: int = 3072  # width of the feed-forward nets
    norm: Literal["post", "pre"] = "post"  # layer norm after the residual sums, or before the sub-layers and at the end
    activation: Activation = "gelu"  # of the feed-forward nets; gelu is the exact one, with the error function
    eps: float = 1e-12  # of the layer norms
    dropout: float = 0.1  # of attention weights, sub-layers and input, while training
    share_layers: bool = False  # true: one set of weights serves all layers (Audio-ALBERT)

    def __post_init__(self):
        require(
            min(self.dim, self.layers, self.heads, self.ff) >= 1,
            f"transformer: dim, layers, heads and ff must be at least 1, got {self}",
        )
        require(0 <= self.dropout < 1, f"transformer: dropout must lie in [0, 1), got {self.dropout}")
        require(self.eps > 0, f"transformer: eps must be positive, got {self.eps}")


class Context(FrameModule):
    """Input map with positions, then Transformer layers over the real frames."""

    past = future = None

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.enter, self.enter_norm = nn.Linear(in_dim, cfg.dim), nn.LayerNorm(cfg.dim, eps=cfg.eps)
        self.dropout = nn.Dropout(cfg.dropout)
        self.stack = nn.ModuleList(
            FullLayer(
                cfg.dim,
                heads=cfg.heads,
                ff=cfg.ff,
                norm=cfg.norm,
                activation=cfg.activation,
                eps=cfg.eps,
                dropout=cfg.dropout,
            )
            for _ in range(1 if cfg.share_layers else cfg.layers)
        )
        self.norms = self._norms() if cfg.norm == "pre" else None
        self.apply(bert_init)

    def _norms(self) -> nn.ModuleList:
        """Pre-norm layers leave their sums as they are: one norm for each layer that is shown, the last one trained."""
        norms = nn.ModuleList(nn.LayerNorm(self.cfg.dim, eps=self.cfg.eps) for _ in range(self.cfg.layers + 1))
        norms[:-1].requires_grad_(False)
        return norms

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_0``, the input with its positions, up to the last but one, whose output is the context's own."""
        return tuple(f"layer_{i}" for i in range(self.cfg.layers))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        T = frames.x_BTD.shape[1]
        seen_BT = seen_frames(frames)
        x_BTD = self.enter(frames.x_BTD)
        x_BTD = self.enter_norm(x_BTD + sinusoids(T, self.dim, device=x_BTD.device).to(x_BTD.dtype))
        x_BTD = self.dropout(x_BTD)
        outputs = []
        for i in range(self.cfg.layers):
            outputs.append(frames.with_x(self._shown(x_BTD, i)).masked())
            x_BTD = self.stack[0 if self.cfg.share_layers else i](x_BTD, seen_BT)
        last = frames.with_x(self._shown(x_BTD, self.cfg.layers)).masked()
        return last, dict(zip(self.layers, outputs, strict=True))

    def _shown(self, x_BTD: Tensor, layer: int) -> Tensor:
        return x_BTD if self.norms is None else self.norms[layer](x_BTD)
