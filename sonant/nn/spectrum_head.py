"""From context frames back to features, as masked acoustic models do it.

Letters: B utterances, T frames, C context channels, D feature channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .full_attention import bert_init


class SpectrumHead(nn.Module):
    """A hidden layer of the context's width with GELU and layer norm, then a linear map (arXiv:1910.12638).

    Args:
        in_dim: channels C of the context.
        out_dim: channels D of the features.
        eps: of the layer norm, inside the root.
    """

    def __init__(self, in_dim: int, out_dim: int, *, eps: float = 1e-12):
        super().__init__()
        self.hidden, self.norm, self.out = (
            nn.Linear(in_dim, in_dim),
            nn.LayerNorm(in_dim, eps=eps),
            nn.Linear(in_dim, out_dim),
        )
        self.apply(bert_init)

    def forward(self, c_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, D)."""
        return self.out(self.norm(F.gelu(self.hidden(c_BTC))))
