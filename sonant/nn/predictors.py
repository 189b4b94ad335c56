"""Heads that predict from a context frame: several future frames, or the codes of one.

Letters: B utterances, T frames, C context channels, K futures, D channels of a predicted frame.
"""

from __future__ import annotations

from torch import Tensor, nn

from sonant.core import require

from .attention import TransformerLayer
from .full_attention import FullLayer


class LinearPredictor(nn.Module):
    """W_k c_t for every k: one linear map without bias whose K blocks of rows are the W_k (CPC, Eq. 3)."""

    def __init__(self, in_dim: int, out_dim: int, *, futures: int):
        super().__init__()
        self.futures = futures
        self.map = nn.Linear(in_dim, futures * out_dim, bias=False)

    def forward(self, c_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, K, D)."""
        return self.map(c_BTC).unflatten(-1, (self.futures, -1))


class RecurrentPredictor(nn.Module):
    """One LSTM layer on the contexts whose state is all futures side by side (Robertson and Dunbar 2023, their code).

    What it predicts lies in (-1, 1).
    """

    def __init__(self, in_dim: int, out_dim: int, *, futures: int):
        super().__init__()
        self.futures = futures
        self.rnn = nn.LSTM(in_dim, futures * out_dim, batch_first=True)

    def forward(self, c_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, K, D)."""
        return self.rnn(c_BTC)[0].unflatten(-1, (self.futures, -1))


class TransformerPredictor(nn.Module):
    """A causal transformer layer on the contexts, then a linear map to all futures.

    Rivière et al. 2020 (arXiv:2002.02848, Sec. 3.1) found a transformer layer to predict better than a linear map;
    this one is shared by all futures (Robertson and Dunbar 2023, arXiv:2312.01515). It is thrown away after training.
    """

    def __init__(self, in_dim: int, out_dim: int, *, futures: int, heads: int = 8, ff: int = 2048):
        super().__init__()
        require(
            in_dim % heads == 0,
            f"the transformer predictor has {heads} heads, which must divide the context's {in_dim}",
        )
        self.futures = futures
        self.layer = TransformerLayer(in_dim, heads=heads, ff=ff)
        self.norm, self.map = nn.LayerNorm(in_dim), nn.Linear(in_dim, futures * out_dim)

    def forward(self, c_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, K, D)."""
        return self.map(self.norm(self.layer(c_BTC))).unflatten(-1, (self.futures, -1))


class FullPredictor(nn.Module):
    """``TransformerPredictor`` that sees whole utterances: for methods that may look ahead."""

    def __init__(self, in_dim: int, out_dim: int, *, futures: int, heads: int = 8, ff: int = 2048):
        super().__init__()
        require(
            in_dim % heads == 0,
            f"the transformer predictor has {heads} heads, which must divide the context's {in_dim}",
        )
        self.futures = futures
        self.layer = FullLayer(in_dim, heads=heads, ff=ff, activation="relu", eps=1e-5)
        self.norm, self.map = nn.LayerNorm(in_dim), nn.Linear(in_dim, futures * out_dim)

    def forward(self, c_BTC: Tensor, seen_BT: Tensor | None = None) -> Tensor:
        """(B, T, C) -> (B, T, K, D); ``seen_BT`` as in ``FullAttention``."""
        return self.map(self.norm(self.layer(c_BTC, seen_BT))).unflatten(-1, (self.futures, -1))
