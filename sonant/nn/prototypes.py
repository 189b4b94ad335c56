"""Directions that vectors are compared with: the last layer of DINO, the prototypes of SwAV.

Caron et al. 2020 (arXiv:2006.09882), Sec. 3.1; Caron et al. 2021 (arXiv:2104.14294), Sec. 3.1: a linear layer whose
rows have length 1 (weight norm with its gain fixed to 1).

Letters: B vectors, D channels, K prototypes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import require


class Prototypes(nn.Module):
    """Cosines of vectors with K learnt directions."""

    def __init__(self, dim: int, number: int):
        super().__init__()
        require(number >= 1, f"there must be at least one prototype, got {number}")
        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(number, dim), std=0.02))

    def forward(self, x_BD: Tensor, *, frozen: bool = False) -> Tensor:
        """(..., D) vectors of any length -> (..., K) cosines; ``frozen``: the prototypes' gradient is zero.

        Computed in at least fp32: losses divide these cosines by temperatures down to 0.04.
        """
        weight_KD = self.weight.detach() + 0.0 * self.weight if frozen else self.weight
        with torch.autocast(x_BD.device.type, enabled=False):
            x_BD = x_BD.to(torch.promote_types(x_BD.dtype, weight_KD.dtype))
            return F.normalize(x_BD, dim=-1) @ F.normalize(weight_KD, dim=-1).T
