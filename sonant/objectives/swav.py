"""Swapped prediction: the prototypes of one view foretold from another.

Caron et al. 2020 (arXiv:2006.09882), Eqs. 1-5; Cuturi 2013 (arXiv:1306.0895) for Sinkhorn's algorithm.

Letters: B utterances, G views with codes, S views (the first G are the same), K prototypes, N vectors.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core import require
from .precision import in_float32


@torch.no_grad()
def sinkhorn(scores_NK: Tensor, *, eps: float, iterations: int) -> Tensor:
    """(N, K) codes: shares of prototypes for every vector, each of sum 1, that use all prototypes about equally.

    Args:
        scores_NK: cosines of the vectors of all processes.
        eps: the entropy that codes keep; small ones are nearly one-hot.
        iterations: of making first prototypes, then vectors weigh the same.
    """
    scores_NK, dtype = scores_NK.double(), torch.promote_types(scores_NK.dtype, torch.float32)
    N, K = scores_NK.shape
    q_NK = ((scores_NK - scores_NK.max()) / eps).exp()
    for _ in range(iterations):
        q_NK = q_NK / (K * q_NK.sum(0, keepdim=True)).clamp(min=1e-300)
        q_NK = q_NK / (N * q_NK.sum(1, keepdim=True)).clamp(min=1e-300)
    return (N * q_NK).to(dtype)


@in_float32
def swapped_prediction(scores_BSK: Tensor, codes_BGK: Tensor, *, temperature: float) -> Tensor:
    """The mean cross-entropy over utterances and over pairs of a code and another view.

    Knowing nothing scores log K. Raises SonantError when there is no other view.
    """
    B, S, _ = scores_BSK.shape
    G = codes_BGK.shape[1]
    require(S > 1 and 1 <= G <= S, f"swav compares at least two views, got {S}")
    log_BSK = F.log_softmax(scores_BSK / temperature, dim=-1)
    codes_BGK = codes_BGK.to(log_BSK.dtype)
    same = (codes_BGK * log_BSK[:, :G]).sum()
    return (same - (codes_BGK.sum(1) * log_BSK.sum(1)).sum()) / (B * (G * S - G))
