"""How far predictions point away from their targets, whatever their length.

Chen and He 2021, SimSiam (arXiv:2011.10566), Eq. 1; with this as d, Eq. 2 of BYOL (Grill et al. 2020,
arXiv:2006.07733) is 2 + 2 d.

Letters: D channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32


@in_float32
def cosine(x: Tensor, target: Tensor) -> Tensor:
    """(..) cosines of vectors (.., D), in [-1, 1]."""
    return F.cosine_similarity(x, target, dim=-1)


def negative_cosine(x: Tensor, target: Tensor) -> Tensor:
    """The mean of -cos, in [-1, 1], lower is better."""
    return -cosine(x, target).mean()
