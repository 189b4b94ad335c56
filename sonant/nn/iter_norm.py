"""Whitening of a batch by iterations in place of an eigenvalue decomposition.

Huang et al. 2019, "Iterative normalization: beyond standardization towards efficient whitening" (arXiv:1904.03441),
Algorithm 1. In groups of channels:

    S = eps I + X_c^T X_c / B     P_0 = I     P_k = (3 P_(k-1) - P_(k-1)^3 S / tr(S)) / 2     W = P_T / sqrt(tr(S))

Arithmetic is float32 outside autocast, or float64 for such input.

Letters: B vectors, D channels, G groups, C channels of a group.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core import require


class IterNorm(nn.Module):
    """(B, D) -> (B, D), centred and decorrelated within every group.

    Args:
        dim: D.
        groups: G; VIbCReg (Lee and Aune 2021, arXiv:2109.00783) has 64.
        steps: T, iterations.
        eps: added to the variances.
        momentum: share of a batch in the running statistics, which are used outside of training.
        affine: learn a scale and a shift per channel.
    """

    mean_G1C: Tensor
    whiten_GCC: Tensor

    def __init__(
        self,
        dim: int,
        *,
        groups: int = 64,
        steps: int = 5,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ):
        super().__init__()
        groups = min(groups, dim)
        require(dim % groups == 0, f"iterative norm: {groups} groups must divide the {dim} channels")
        self.groups, self.steps, self.eps, self.momentum = groups, steps, eps, momentum
        C = dim // groups
        self.register_buffer("mean_G1C", torch.zeros(groups, 1, C))
        self.register_buffer("whiten_GCC", torch.eye(C).repeat(groups, 1, 1))
        self.weight = nn.Parameter(torch.ones(dim)) if affine else None
        self.bias = nn.Parameter(torch.zeros(dim)) if affine else None

    def forward(self, x_BD: Tensor) -> Tensor:
        with torch.autocast(x_BD.device.type, enabled=False):
            x_BD = x_BD if x_BD.dtype == torch.float64 else x_BD.float()
            x_GBC = x_BD.unflatten(1, (self.groups, -1)).transpose(0, 1)
            mean_G1C, whiten_GCC = self._of_batch(x_GBC) if self.training else (self.mean_G1C, self.whiten_GCC)
            x_BD = ((x_GBC - mean_G1C) @ whiten_GCC).transpose(0, 1).flatten(1)
            return x_BD if self.weight is None else x_BD * self.weight + self.bias

    def _of_batch(self, x_GBC: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and whitening matrix of every group, which the running ones follow."""
        mean_G1C = x_GBC.mean(1, keepdim=True)
        whiten_GCC = inverse_root(x_GBC - mean_G1C, steps=self.steps, eps=self.eps)
        with torch.no_grad():
            self.mean_G1C.lerp_(mean_G1C.to(self.mean_G1C.dtype), self.momentum)
            self.whiten_GCC.lerp_(whiten_GCC.to(self.whiten_GCC.dtype), self.momentum)
        return mean_G1C, whiten_GCC


def inverse_root(centred_GBC: Tensor, *, steps: int, eps: float) -> Tensor:
    """(G, C, C) near the inverse square root of the covariance of centred vectors, by Newton's iteration."""
    _, B, C = centred_GBC.shape
    eye_CC = torch.eye(C, dtype=centred_GBC.dtype, device=centred_GBC.device)
    cov_GCC = centred_GBC.transpose(1, 2) @ centred_GBC / B + eps * eye_CC
    trace_G11 = cov_GCC.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
    cov_GCC, p_GCC = cov_GCC / trace_G11, eye_CC.expand_as(cov_GCC)
    for _ in range(steps):
        p_GCC = 1.5 * p_GCC - 0.5 * p_GCC @ p_GCC @ p_GCC @ cov_GCC
    return p_GCC / trace_G11.sqrt()
