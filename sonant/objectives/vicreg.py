"""Vectors of two views that agree, that vary and whose channels do not repeat each other.

Bardes, Ponce and LeCun 2022, VICReg (arXiv:2105.04906), Eqs. 1 to 6. The covariance term of VIbCReg (Lee and Aune
2021, arXiv:2109.00783, Sec. 3.2) is the mean square of the correlations in place of a sum of covariances over D.

Letters: B utterances, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .precision import in_float32


@in_float32
def invariance(x_BD: Tensor, other_BD: Tensor) -> Tensor:
    """Mean squared distance of both views, over channels too; >= 0."""
    return (x_BD - other_BD).square().mean()


@in_float32
def hinge_of_deviations(x_BD: Tensor, *, unbiased: bool = True, eps: float = 1e-4) -> Tensor:
    """Mean over channels of how far the standard deviation falls short of 1; in [0, 1]."""
    return (1 - (x_BD.var(0, correction=int(unbiased)) + eps).sqrt()).relu().mean()


@in_float32
def covariances(x_BD: Tensor) -> Tensor:
    """Sum of squared covariances of different channels, over D; >= 0."""
    centred_BD = x_BD - x_BD.mean(0)
    return off_diagonal(centred_BD.T @ centred_BD / (len(x_BD) - 1)).square().sum() / x_BD.shape[1]


@in_float32
def correlations(x_BD: Tensor) -> Tensor:
    """Sum of squared correlations of different channels, over D^2; in [0, 1]."""
    centred_BD = x_BD - x_BD.mean(0)
    unit_BD = centred_BD / centred_BD.norm(dim=0).clamp(min=1e-12)
    return off_diagonal(unit_BD.T @ unit_BD).square().sum() / x_BD.shape[1] ** 2


def off_diagonal(x_DD: Tensor) -> Tensor:
    """The same matrix with zeros on its diagonal."""
    return x_DD - torch.diag(x_DD.diagonal())
