"""Tell pairs of the same utterance from pairs of two: bounds of the mutual information.

Ravanelli and Bengio 2019, "Learning speaker representations with mutual information" (arXiv:1812.00271), Eqs. 5 to 7,
of a discriminator's scores g of positive and negative pairs:

    bce     -mean log sigmoid(g+) - mean log(1 - sigmoid(g-))           2 log 2 for knowing nothing
    mine    -mean g+ + log mean exp(g-)                                 0
    nce     -mean log exp(g+) / (exp(g+) + sum over all g- exp(g-))     log(B + 1)

Letters: B pairs.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32

Bound = Literal["bce", "mine", "nce"]


@in_float32
def mutual_information(positive_B: Tensor, negative_B: Tensor, *, bound: Bound) -> Tensor:
    """The loss of scores of positive and of negative pairs, lower is better."""
    if bound == "bce":
        return F.softplus(-positive_B).mean() + F.softplus(negative_B).mean()
    if bound == "mine":
        return negative_B.logsumexp(0) - math.log(len(negative_B)) - positive_B.mean()
    return (torch.logaddexp(positive_B, negative_B.logsumexp(0)) - positive_B).mean()
