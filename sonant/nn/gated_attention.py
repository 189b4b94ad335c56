"""Full self-attention with the gated relative positions of WavLM, and the layer of the wav2vec 2.0 family around it.

Chen et al. 2022, "WavLM" (arXiv:2110.13900), Sec. IV-B, after Chi et al. 2022. For query i, key j of one head:

    weight_ij = softmax_j( q_i . k_j / sqrt(E) + r_i d_{j-i} )
    r_i = a_i (b_i s - 1) + 2        (a_i, b_i) = sigmoid of two maps of what head i sees of frame i

d is one learnt number per head and bucket of distances, shared by all layers; s one learnt number per head and layer.

Letters: B utterances, T frames, D channels, H heads, E channels of a head.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import require

from .activations import ACTIVATIONS, Activation

GATE = 4  # maps that are summed for each of a and b


def distance_buckets(frames: int, *, buckets: int, distance: int, device: torch.device | str = "cpu") -> Tensor:
    """(T, T) number of the bucket of key j - query i, 0 to ``buckets`` - 1 (Raffel et al. 2020, T5, both ways).

    The upper half is for keys that follow. In each half the nearest ``buckets`` / 4 distances have one bucket each;
    the others share the rest on a logarithmic scale that ends at ``distance`` frames.
    """
    half, exact = buckets // 2, buckets // 4
    t_T = torch.arange(frames, device=device)
    apart_TT = t_T[None, :] - t_T[:, None]
    away_TT = apart_TT.abs()
    scale_TT = torch.log(away_TT.clamp(min=exact).float() / exact) / math.log(distance / exact)
    far_TT = (exact + scale_TT * (half - exact)).long().clamp(max=half - 1)
    return (apart_TT > 0).long() * half + torch.where(away_TT < exact, away_TT, far_TT)


class GatedAttention(nn.Module):
    """Multi-head self-attention in which every real frame sees every real frame.

    Args:
        dim: channels in and out.
        heads: must divide ``dim``.
        bias: whether the maps to queries, keys and values have one.
        gated: take relative positions, weighed by a gate.
        dropout: of attention weights while training.
    """

    def __init__(self, dim: int, *, heads: int, bias: bool = True, gated: bool = False, dropout: float = 0.0):
        super().__init__()
        require(dim % heads == 0, f"attention: heads ({heads}) must divide the dimension ({dim})")
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=bias), nn.Linear(dim, dim)
        self.gate = nn.Linear(dim // heads, 2 * GATE) if gated else None
        self.gate_scale_H = nn.Parameter(torch.ones(heads)) if gated else None

    def forward(self, x_BTD: Tensor, seen_BT: Tensor | None, positions_HTT: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D).

        Args:
            seen_BT: true where a frame may be looked at, at least one in each utterance; None: everywhere.
            positions_HTT: d of (head, query, key), for gated attention.
        """
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, T, E)
        mask = None if seen_BT is None else seen_BT[:, None, None, :]
        if self.gate is not None:
            bias = (self._gates(x_BTD) * positions_HTT).to(q.dtype)
            mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
        p = self.dropout if self.training else 0.0
        y_BHTE = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)
        return self.out(y_BHTE.transpose(1, 2).reshape(B, T, D))

    def _gates(self, x_BTD: Tensor) -> Tensor:
        """r: (B, T, D) -> (B, H, T, 1), between 1 and 2 at s = 0."""
        B, T, D = x_BTD.shape
        maps = self.gate(x_BTD.view(B, T, self.heads, D // self.heads)).view(B, T, self.heads, 2, GATE)
        a_BTH, b_BTH = torch.sigmoid(maps.sum(-1)).unbind(-1)
        return (a_BTH * (b_BTH * self.gate_scale_H - 1) + 2).transpose(1, 2)[..., None]


class GatedLayer(nn.Module):
    """Attention and a two-layer feed-forward net, each with a residual path and a layer norm.

    Args:
        dim, heads, bias, gated: as ``GatedAttention``.
        ff: width of the feed-forward net.
        norm: ``post`` normalises sums (Vaswani et al. 2017), ``pre`` normalises what enters a sub-layer.
        eps: of the layer norms, inside the root.
        dropout: of what each sub-layer adds, while training.
        attention_dropout, inner_dropout: of attention weights, and inside the feed-forward net.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        ff: int,
        bias: bool = True,
        gated: bool = False,
        norm: Literal["post", "pre"] = "post",
        activation: Activation = "gelu",
        eps: float = 1e-5,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        inner_dropout: float = 0.0,
    ):
        super().__init__()
        self.pre, self.activation = norm == "pre", ACTIVATIONS[activation]
        self.attention = GatedAttention(dim, heads=heads, bias=bias, gated=gated, dropout=attention_dropout)
        self.ff_in, self.ff_out = nn.Linear(dim, ff), nn.Linear(ff, dim)
        self.norm_attention, self.norm_ff = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.dropout, self.inner_dropout = nn.Dropout(dropout), nn.Dropout(inner_dropout)

    def forward(
        self, x_BTD: Tensor, seen_BT: Tensor | None, positions_HTT: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, T, D) -> the layer's output, and what its feed-forward net adds to the residual path, (B, T, D) both.

        ``seen_BT`` and ``positions_HTT`` as in ``GatedAttention``.
        """
        entered = self.norm_attention(x_BTD) if self.pre else x_BTD
        x_BTD = x_BTD + self.dropout(self.attention(entered, seen_BT, positions_HTT))
        if not self.pre:
            x_BTD = self.norm_attention(x_BTD)
        added_BTD = self._feed_forward(self.norm_ff(x_BTD) if self.pre else x_BTD)
        x_BTD = x_BTD + self.dropout(added_BTD)
        return (x_BTD if self.pre else self.norm_ff(x_BTD)), added_BTD

    def _feed_forward(self, x_BTD: Tensor) -> Tensor:
        return self.ff_out(self.inner_dropout(self.activation(self.ff_in(x_BTD))))
