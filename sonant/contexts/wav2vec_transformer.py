"""The Transformer of wav2vec 2.0, HuBERT, WavLM, data2vec, DinoSR and SpidR on the frames of their convolutions.

Baevski et al. 2020 (arXiv:2006.11477), Hsu et al. 2021 (arXiv:2106.07447), Chen et al. 2022 (arXiv:2110.13900),
Baevski et al. 2022 (arXiv:2202.03555), Liu et al. 2023 (arXiv:2305.10005).

    u   = W norm(z) + b                                  from the convolutions' channels to dim
    h_0 = norm(u + positions(u))                         the norm here for post-norm models only
    h_l = layer_l(h_{l-1}), l = 1 .. L
    c   = h_L, after a last norm for pre-norm models

Every frame sees the whole utterance. The originals may leave out whole layers while training (LayerDrop); here none is.

Letters: B utterances, T frames, D channels, H heads, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from sonant.core import FrameGeometry, FrameModule, Frames, require
from sonant.nn.activations import Activation
from sonant.nn.conv_positions import ConvPositions
from sonant.nn.full_attention import bert_init, seen_frames
from sonant.nn.gated_attention import GatedLayer, distance_buckets


@dataclass(frozen=True)
class Config:
    """Settings of the context; the defaults are the BASE model of wav2vec 2.0 and HuBERT."""

    dim: int = 768  # of every layer; LARGE 1024
    layers: int = 12  # L; LARGE 24
    heads: int = 12  # must divide dim; LARGE 16
    ff: int = 3072  # width of the feed-forward nets; LARGE 4096
    norm: Literal["post", "pre"] = "post"  # layer norm after the residual sums; LARGE models: before the sub-layers
    enter_norm: bool = True  # layer norm of what the convolutions give
    activation: Activation = "gelu"
    eps: float = 1e-5  # of the layer norms
    bias: bool = True  # of the maps to queries, keys and values; SpidR false
    position_kernel: int = 128  # frames of a positional convolution; data2vec and SpidR 19
    position_groups: int = 16
    position_layers: int = 1  # convolutions one on the other; data2vec and SpidR 5
    position_norm: bool = False  # layer norm without weights in each of them; data2vec and SpidR true
    buckets: int = 0  # of relative positions; WavLM 320; 0: none
    distance: int = 800  # frames at which their logarithmic scale ends; WavLM 800
    shown: Literal["block", "ff"] = "block"  # a layer's output, or what its feed-forward net adds (SpidR's features)
    dropout: float = 0.1  # of input and sub-layers, while training
    attention_dropout: float = 0.1  # of attention weights
    inner_dropout: float = 0.0  # inside the feed-forward nets
    enter_dropout: float = 0.0  # of u

    def __post_init__(self):
        sizes = (self.dim, self.layers, self.heads, self.ff, self.position_kernel, self.position_groups)
        require(
            min(*sizes, self.position_layers) >= 1,
            f"wav2vec_transformer: dim, layers, heads, ff and the sizes of positions must be at least 1, got {self}",
        )
        for name in ("dropout", "attention_dropout", "inner_dropout", "enter_dropout"):
            value = getattr(self, name)
            require(0 <= value < 1, f"wav2vec_transformer: {name} must lie in [0, 1), got {value}")
        require(
            self.buckets == 0 or (self.buckets >= 4 and self.distance > self.buckets // 4),
            f"wav2vec_transformer: buckets must be 0 or at least 4, and distance above a quarter of them, got {self}",
        )
        require(self.eps > 0, f"wav2vec_transformer: eps must be positive, got {self.eps}")


class Context(FrameModule):
    """Input map, positions, then Transformer layers over the real frames."""

    past = future = None

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        self.enter_norm = nn.LayerNorm(in_dim, eps=cfg.eps) if cfg.enter_norm else nn.Identity()
        self.enter, self.norm = nn.Linear(in_dim, cfg.dim), nn.LayerNorm(cfg.dim, eps=cfg.eps)
        self.stack = nn.ModuleList(
            GatedLayer(
                cfg.dim,
                heads=cfg.heads,
                ff=cfg.ff,
                bias=cfg.bias,
                gated=cfg.buckets > 0,
                norm=cfg.norm,
                activation=cfg.activation,
                eps=cfg.eps,
                dropout=cfg.dropout,
                attention_dropout=cfg.attention_dropout,
                inner_dropout=cfg.inner_dropout,
            )
            for _ in range(cfg.layers)
        )
        self.apply(bert_init)
        self.relative = nn.Embedding(cfg.buckets, cfg.heads) if cfg.buckets else None
        self.positions = ConvPositions(
            cfg.dim,
            kernel=cfg.position_kernel,
            groups=cfg.position_groups,
            layers=cfg.position_layers,
            norm=cfg.position_norm,
            activation=cfg.activation,
        )
        self.dropout, self.enter_dropout = nn.Dropout(cfg.dropout), nn.Dropout(cfg.enter_dropout)

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_0``, the input with its positions, and the Transformer layers ``layer_1`` to ``layer_L``."""
        return tuple(f"layer_{i}" for i in range(self.cfg.layers + 1))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last frames, and those of each layer by name. For post-norm models ``c`` and ``layer_L`` are the same."""
        T = frames.x_BTD.shape[1]
        seen_BT = seen_frames(frames)
        x_BTD = self._enter(frames.x_BTD, seen_BT)
        positions_HTT = self._distances(T) if self.relative is not None else None
        outputs = [frames.with_x(x_BTD).masked()]
        for layer in self.stack:
            x_BTD, added_BTD = layer(x_BTD, seen_BT, positions_HTT)
            outputs.append(frames.with_x(x_BTD if self.cfg.shown == "block" else added_BTD).masked())
        last = frames.with_x(self.norm(x_BTD) if self.cfg.norm == "pre" else x_BTD).masked()
        return last, dict(zip(self.layers, outputs, strict=True))

    def _enter(self, z_BTC: Tensor, seen_BT: Tensor | None) -> Tensor:
        """h_0 of the convolutions' frames."""
        u_BTD = self.enter_dropout(self.enter(self.enter_norm(z_BTC)))
        x_BTD = u_BTD + self.positions(u_BTD, seen_BT)
        return self.dropout(self.norm(x_BTD) if self.cfg.norm == "post" else x_BTD)

    def _distances(self, frames: int) -> Tensor:
        """(H, T, T) learnt numbers of the distance from query to key."""
        table = self.relative.weight
        buckets_TT = distance_buckets(frames, buckets=self.cfg.buckets, distance=self.cfg.distance, device=table.device)
        return self.relative(buckets_TT).permute(2, 0, 1)
