"""Additive margin softmax: classes must be told apart by a margin of the cosine.

Wang et al. 2018 (arXiv:1801.05599), equation 6: cross-entropy of s (cos(x, w_j) - m [j = y]).

Letters: B examples, D dimensions, C classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def am_softmax(x_BD: Tensor, weight_CD: Tensor, class_B: Tensor, *, scale: float = 30.0, margin: float = 0.4) -> Tensor:
    """The mean loss of a batch.

    Args:
        x_BD: vectors of any length.
        weight_CD: one vector per class.
        class_B: the true classes.
        scale, margin: s and m.
    """
    cosine_BC = F.normalize(x_BD, dim=1) @ F.normalize(weight_CD, dim=1).T
    return F.cross_entropy(scale * (cosine_BC - margin * F.one_hot(class_B, len(weight_CD))), class_B)
