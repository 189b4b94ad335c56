"""Layers of the causal transformers of voice activity projection, in the three forms that were published.

    gpt            h = x + attend(norm(x));  h = h + cross(norm(h), y);  h + feed(norm(h))
    gpt_2022       the same with h = 2 x + attend(norm(x)), the residual twice
    transformer    h = norm(x + attend(x));  h = norm(h + cross(h, y));  norm(h + feed(h))

y is what the layer of the other channel was given; layers without ``cross`` leave that step out. In the first two,
attention falls with distance (ALiBi; Press et al. 2022, arXiv:2108.12409) and its scale is 1 / sqrt(width of the model)
in place of the width of a head. Ekstedt and Skantze 2022 (arXiv:2205.09812); Inoue et al. 2024 (arXiv:2401.04868),
Sec. 3, for two channels.

Letters: B sequences, T frames, D channels, H heads, E channels of a head.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import require

from .attention import Memory, alibi_slopes
from .blocked_attention import causal_attend

Style = Literal["gpt", "gpt_2022", "transformer"]


def slopes_of(heads: int) -> Tensor:
    """(H,) ALiBi slopes of any number of heads: those of the next lower power of two, then every second of the next."""
    lower = 1 << (heads.bit_length() - 1)
    return torch.cat([alibi_slopes(lower), alibi_slopes(2 * lower)[::2][: heads - lower]])


class Attention(nn.Module):
    """Multi-head attention without biases, of a sequence to itself or to another of the same frames.

    Args:
        dim: channels in and out.
        heads: must divide ``dim``.
        scale: of the attention logits.
        dropout: of the attention weights while training.
    """

    def __init__(self, dim: int, *, heads: int, scale: float, dropout: float = 0.0):
        super().__init__()
        require(dim % heads == 0, f"attention: heads ({heads}) must divide the dimension ({dim})")
        self.heads, self.scale, self.dropout = heads, scale, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim, bias=False) for _ in range(4))

    def split(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, E)."""
        return x_BTD.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x_BTD: Tensor, seen_BTD: Tensor, bias_HTT: Tensor | Memory) -> Tensor:
        """(B, T, D): queries from ``x_BTD``, keys and values from ``seen_BTD``.

        Args:
            bias_HTT: (H, T, T) or (T, T), as ``nn.attention.causal_bias`` gives it; or the memory of a stream, with
                which the frames are the next ones and see those that it remembers too.
        """
        q = self.split(self.query(x_BTD))
        k, v = self.split(self.key(seen_BTD)), self.split(self.value(seen_BTD))
        if not isinstance(bias_HTT, Tensor):
            return self.out(bias_HTT.attend(q, k, v, scale=self.scale).transpose(1, 2).flatten(2))
        p = self.dropout if self.training else 0.0
        y_BHTE = causal_attend(q, k, v, bias_HTT, scale=self.scale, dropout=p)
        return self.out(y_BHTE.transpose(1, 2).flatten(2))

    def weights(self, x_BTD: Tensor, seen_BTD: Tensor, bias_HTT: Tensor) -> Tensor:
        """(B, H, T, T) how much each frame attends to each; to look at."""
        q, k = self.split(self.query(x_BTD)), self.split(self.key(seen_BTD))
        if not bias_HTT.is_floating_point():
            bias_HTT = torch.zeros_like(bias_HTT, dtype=q.dtype).masked_fill(~bias_HTT, -torch.inf)
        return (q @ k.transpose(2, 3) * self.scale + bias_HTT).softmax(-1)


class Layer(nn.Module):
    """One layer; see the top of this file.

    Args:
        dim, heads: as ``Attention``.
        ff: width of the feed-forward net (GELU without biases; of ``transformer`` ReLU with them).
        style: one of ``Style``.
        cross: whether it attends to the other channel too.
        dropout: of attention weights, of what each step adds, and inside the feed-forward net.
    """

    def __init__(
        self, dim: int, *, heads: int, ff: int, style: Style = "gpt", cross: bool = False, dropout: float = 0.0
    ):
        super().__init__()
        self.style, post = style, style == "transformer"
        options = {"heads": heads, "scale": 1 / math.sqrt(dim // heads if post else dim), "dropout": dropout}
        self.attention, self.norm_attention = Attention(dim, **options), nn.LayerNorm(dim)
        self.cross = Attention(dim, **options) if cross else None
        self.norm_cross = nn.LayerNorm(dim) if cross else None
        self.ff_in, self.ff_out = nn.Linear(dim, ff, bias=post), nn.Linear(ff, dim, bias=post)
        self.norm_ff = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, bias_HTT: Tensor | Memory, other_BTD: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D).

        Args:
            bias_HTT: as ``Attention``.
            other_BTD: of layers with ``cross``, what the layer of the other channel is given.
        """
        return (self._post if self.style == "transformer" else self._pre)(x_BTD, bias_HTT, other_BTD)

    def _pre(self, x_BTD: Tensor, bias_HTT: Tensor | Memory, other_BTD: Tensor | None) -> Tensor:
        own_BTD = self.norm_attention(x_BTD)
        h_BTD = x_BTD + self.dropout(self.attention(own_BTD, own_BTD, bias_HTT))
        if self.style == "gpt_2022":
            h_BTD = x_BTD + h_BTD
        if self.cross is not None:
            h_BTD = h_BTD + self.dropout(self.cross(self.norm_cross(h_BTD), other_BTD, bias_HTT))
        return h_BTD + self.dropout(self._feed(self.norm_ff(h_BTD)))

    def _post(self, x_BTD: Tensor, bias_HTT: Tensor | Memory, other_BTD: Tensor | None) -> Tensor:
        h_BTD = self.norm_attention(x_BTD + self.dropout(self.attention(x_BTD, x_BTD, bias_HTT)))
        if self.cross is not None:
            h_BTD = self.norm_cross(h_BTD + self.dropout(self.cross(h_BTD, other_BTD, bias_HTT)))
        return self.norm_ff(h_BTD + self.dropout(self._feed(h_BTD)))

    def _feed(self, x_BTD: Tensor) -> Tensor:
        h_BTF = self.ff_in(x_BTD)
        h_BTF = h_BTF.relu() if self.style == "transformer" else F.gelu(h_BTF)
        return self.ff_out(self.dropout(h_BTF))
