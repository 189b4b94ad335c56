"""Vectors whose channels are uncorrelated and vary by one within a batch.

Ermolov et al. 2021, "Whitening for self-supervised representation learning" (arXiv:2007.06346), Sec. 3.1: with
S = L L^T the covariance of the batch (Cholesky), w = L^-1 (x - mean).

Letters: G groups, B vectors of a group, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core import SonantError
from .precision import in_float32


@in_float32
def whitened(x_GBD: Tensor, *, eps: float = 0.0) -> Tensor:
    """(G, B, D) vectors, each group whitened by itself; B must be above D.

    Args:
        eps: share of the identity that is mixed into the covariance: S <- (1 - eps) S + eps I.
    """
    centred_GBD = x_GBD - x_GBD.mean(1, keepdim=True)
    cov_GDD = centred_GBD.transpose(1, 2) @ centred_GBD / (x_GBD.shape[1] - 1)
    eye_DD = torch.eye(x_GBD.shape[2], dtype=x_GBD.dtype, device=x_GBD.device)
    lower_GDD, failed_G = torch.linalg.cholesky_ex((1 - eps) * cov_GDD + eps * eye_DD)
    if failed_G.any():
        raise SonantError(
            "whitening failed: the covariance of a group is singular, its vectors are too much alike; lower optim.lr, "
            "raise method.group, or set method.eps above 0, such as 1e-3"
        )
    return torch.linalg.solve_triangular(lower_GDD, centred_GBD.transpose(1, 2), upper=False).transpose(1, 2)
