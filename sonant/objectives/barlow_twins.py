"""Channels that correlate with themselves across two views and with no other.

Zbontar et al. 2021, Barlow Twins (arXiv:2103.03230), Eqs. 1 and 2:

    L = sum_i (1 - c_ii)^2 + lambda sum_i sum_(j != i) c_ij^2

Letters: B utterances, D channels.
"""

from __future__ import annotations

from torch import Tensor

from .precision import in_float32
from .vicreg import off_diagonal


@in_float32
def barlow_twins(x_BD: Tensor, other_BD: Tensor, *, redundancy: float, eps: float = 1e-5) -> Tensor:
    """The loss of two views, >= 0; D + ``redundancy`` (D^2 - D) at the most, D for channels that do not vary.

    Args:
        redundancy: lambda, weight of the correlations of different channels.
        eps: added to the variances.
    """
    a_BD, b_BD = (_standardised(x, eps) for x in (x_BD, other_BD))
    c_DD = a_BD.T @ b_BD / len(a_BD)
    return (1 - c_DD.diagonal()).square().sum() + redundancy * off_diagonal(c_DD).square().sum()


def _standardised(x_BD: Tensor, eps: float) -> Tensor:
    return (x_BD - x_BD.mean(0)) / (x_BD.var(0, correction=0) + eps).sqrt()
