"""Causal self-attention over frames, over the whole past or a window of it.

Letters: B utterances, T frames, D channels, H heads, E channels of a head, W width, N blocks of W frames.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import require

Positions = Literal["none", "alibi", "period"]


class Memory(Protocol):
    """Keys and values of a stream (``nn.attention_memory``): attention over what it remembers and the new frames."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
        """(B, H, T, E) three times -> (B, H, T, E)."""
        ...


def alibi_slopes(heads: int) -> Tensor:
    """(H,) penalty per frame of distance: 2^(-8 h / H), h = 1..H (Press et al. 2022, arXiv:2108.12409, Sec. 3)."""
    return torch.tensor([2.0 ** (-8.0 * h / heads) for h in range(1, heads + 1)])


def same_phase(query_Q: Tensor, key_K: Tensor, period: int) -> Tensor:
    """(..., Q, K) booleans: whether two frames lie at the same value of a sine of ``period`` frames.

    The option pos_period of scpc (arXiv:2312.01515). It is meant to add the difference of the two sines to the
    attention logits, and what the code computes is this mask; float32 makes some places equal that mirror each other.
    """
    sine_P = torch.sin(torch.arange(period) * (2 * math.pi / period)).to(query_Q.device)
    return sine_P[query_Q.remainder(period)][..., :, None] == sine_P[key_K.remainder(period)][..., None, :]


def causal_bias(
    query_Q: Tensor, key_K: Tensor, *, width: int | None, slopes_H: Tensor | None, period: int | None = None
) -> Tensor:
    """What is added to attention logits so that query frame t sees key frames t - width + 1 .. t only.

    Args:
        query_Q, key_K: (..., Q) and (..., K) frame numbers; negative key numbers are padding, seen by nobody.
        width: None sees the whole past.
        slopes_H: ALiBi slopes, or None for no sense of distance.
        period: frames see those of the ``same_phase`` only; None: all.

    Returns:
        (..., Q, K) booleans (true: seen), or (..., H, Q, K) floats when slopes are given.
    """
    distance = query_Q[..., :, None] - key_K[..., None, :]
    seen = (distance >= 0) & (key_K[..., None, :] >= 0)
    if width is not None:
        seen &= distance < width
    if period is not None:
        seen &= same_phase(query_Q, key_K, period)
    if slopes_H is None:
        return seen
    bias = -slopes_H[:, None, None] * distance[..., None, :, :]
    return bias.masked_fill(~seen[..., None, :, :], float("-inf"))


class CausalAttention(nn.Module):
    """Multi-head self-attention that never looks ahead (Vaswani et al. 2017, Sec. 3.2).

    Padding lies after the real frames, which never look ahead, so that it needs no mask.

    Args:
        dim: channels in and out.
        heads: must divide ``dim``.
        width: frames that a frame sees, itself included; None: the whole past.
        positions: ``alibi`` penalises distance; ``period`` lets frames see those of their own phase (``same_phase``);
            ``none`` knows order only through the mask.
        period: in frames.
        dropout: of attention weights while training.
        bias: of the four projections.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        width: int | None = None,
        positions: Positions = "none",
        period: int = 100,
        dropout: float = 0.0,
        bias: bool = True,
    ):
        super().__init__()
        require(dim % heads == 0, f"attention: heads ({heads}) must divide the dimension ({dim})")
        require(width is None or width >= 1, f"attention: width must be at least 1 frame or null, got {width}")
        self.heads, self.width, self.dropout = heads, width, dropout
        self.period = period if positions == "period" else None
        self.qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.out = nn.Linear(dim, dim, bias=bias)
        slopes = alibi_slopes(heads) if positions == "alibi" else None
        self.register_buffer("slopes_H", slopes, persistent=False)
        for weight in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(weight)

    def forward(self, x_BTD: Tensor, memory: Memory | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D).

        Args:
            memory: of a stream, with which the frames are the next ones and see those that it remembers too.
        """
        B, T, D = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # (B, H, T, E)
        if memory is not None:
            y_BHTE = memory.attend(q, k, v, scale=1 / math.sqrt(D // self.heads))
            return self.out(y_BHTE.transpose(1, 2).reshape(B, T, D))
        windowed = self.width is not None and 2 * self.width < T
        y_BHTE = self._windowed(q, k, v) if windowed else self._whole(q, k, v)
        return self.out(y_BHTE.transpose(1, 2).reshape(B, T, D))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        p = self.dropout if self.training else 0.0
        if bias is not None and bias.is_floating_point():
            bias = bias.to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=p, is_causal=bias is None)

    def _bias(self, query_Q: Tensor, key_K: Tensor) -> Tensor:
        return causal_bias(query_Q, key_K, width=self.width, slopes_H=self.slopes_H, period=self.period)

    def _whole(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, H, T, E) three times -> (B, H, T, E), every pair of frames weighed."""
        if self.width is None and self.slopes_H is None and self.period is None:
            return self._attend(q, k, v, None)
        t = torch.arange(q.shape[2], device=q.device)
        return self._attend(q, k, v, self._bias(t, t))

    def _windowed(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The same in time and memory T x 2W: a block of W queries needs its own and the previous block of keys."""
        B, H, T, E = q.shape
        W, N = self.width, -(-T // self.width)
        q, k, v = (F.pad(x, (0, 0, 0, N * W - T)).view(B, H, N, W, E).transpose(1, 2) for x in (q, k, v))
        k, v = (torch.cat([F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1], x], dim=3) for x in (k, v))
        starts_N1 = torch.arange(N, device=q.device)[:, None] * W
        query_NW = starts_N1 + torch.arange(W, device=q.device)
        key_NK = starts_N1 + torch.arange(-W, W, device=q.device)
        bias = self._bias(query_NW, key_NK)
        bias = bias if bias.is_floating_point() else bias[:, None]  # (N, 1 or H, W, 2W)
        y = self._attend(*(x.reshape(B * N, H, -1, E) for x in (q, k, v)), bias.repeat(B, 1, 1, 1))
        return y.view(B, N, H, W, E).transpose(1, 2).reshape(B, H, N * W, E)[:, :, :T]


class TransformerLayer(nn.Module):
    """Causal attention and a two-layer feed-forward net, each with a residual path and a layer norm.

    Args:
        dim, heads, width, positions, period, dropout: as ``CausalAttention``.
        ff: width of the feed-forward net.
        norm: ``post`` normalises sums (Vaswani et al. 2017), ``pre`` normalises what enters a sub-layer.
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        ff: int,
        width: int | None = None,
        positions: Positions = "none",
        period: int = 100,
        norm: Literal["post", "pre"] = "post",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.pre = norm == "pre"
        self.attention = CausalAttention(
            dim, heads=heads, width=width, positions=positions, period=period, dropout=dropout
        )
        self.ff_in, self.ff_out = nn.Linear(dim, ff), nn.Linear(ff, dim)
        self.norm_attention, self.norm_ff = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def _feed_forward(self, x_BTD: Tensor) -> Tensor:
        return self.ff_out(self.dropout(F.relu(self.ff_in(x_BTD))))

    def forward(self, x_BTD: Tensor, memory: Memory | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D); ``memory`` as of the attention."""
        if self.pre:
            x_BTD = x_BTD + self.dropout(self.attention(self.norm_attention(x_BTD), memory))
            return x_BTD + self.dropout(self._feed_forward(self.norm_ff(x_BTD)))
        x_BTD = self.norm_attention(x_BTD + self.dropout(self.attention(x_BTD, memory)))
        return self.norm_ff(x_BTD + self.dropout(self._feed_forward(x_BTD)))
