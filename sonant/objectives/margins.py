"""Margins of supervised face and speaker recognition on the positives of a contrast.

Lepage and Dehak 2024, "Additive margin in contrastive self-supervised frameworks to learn discriminative speaker
representations" (arXiv:2404.14913): a positive must beat the negatives by a margin m. With theta the angle of anchor
and positive, its cosine becomes

    cosface         cos theta - m                                                       (arXiv:1801.09414)
    arcface         cos(theta + m)                                                      (arXiv:1801.07698)
    sphereface      (-1)^k cos(m theta) - 2 k,  k = floor(m theta / pi);  m of 2 to 4   (arXiv:1704.08063)
    curricularface  cos(theta + m), and harder negatives c become c (t + c)             (arXiv:2004.00288)
    magface         cos(theta + m(a)),  m rises with the vector's length a              (arXiv:2103.06627)
    adaface         cos(theta + g) - m - m h,  g = -m h,  h in [-1, 1]: standardised a  (arXiv:2204.00964)

Curricularface and adaface follow running means, which ``next_state`` moves and a method keeps.

Letters: A anchors, C candidates.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .precision import in_float32

Margin = Literal["none", "cosface", "arcface", "sphereface", "curricularface", "magface", "adaface"]
START = {"curricularface": (0.0, 0.0), "adaface": (20.0, 100.0)}  # of the running means; others have none
FOLLOW = 0.01  # share of a batch in the running means
SIZES, MAG_MARGINS = (10.0, 110.0), (0.01, 0.05)  # magface: margins at the shortest and the longest vector
EPS = 1e-7  # cosines stay this far from -1 and 1, where the angle has no derivative


@in_float32
def with_margin(
    cosine_AC: Tensor, positive_AC: Tensor, *, kind: Margin, margin: float, size_A: Tensor, state_2: Tensor
) -> Tensor:
    """(A, C) cosines after the margin.

    Args:
        positive_AC: where anchor and candidate belong together.
        size_A: length of each anchor's vector before it was normalised (magface, adaface).
        state_2: running means: t and nothing (curricularface), mean and deviation of the lengths (adaface).
    """
    if kind == "none":
        return cosine_AC
    if kind == "cosface":
        raised_AC = cosine_AC - margin
    else:
        raised_AC = _angular(cosine_AC.clamp(-1 + EPS, 1 - EPS).acos(), kind, margin, size_A, state_2)
    if kind == "curricularface":
        lowest_A1 = raised_AC.masked_fill(~positive_AC, torch.inf).amin(1, keepdim=True)
        cosine_AC = torch.where(cosine_AC > lowest_A1, cosine_AC * (state_2[0] + cosine_AC), cosine_AC)
    return torch.where(positive_AC, raised_AC, cosine_AC)


def _angular(angle_AC: Tensor, kind: Margin, margin: float, size_A: Tensor, state_2: Tensor) -> Tensor:
    """The cosines of positives at these angles."""
    if kind == "sphereface":
        turns_AC = (margin * angle_AC.detach() / math.pi).floor()
        return (1 - 2 * (turns_AC % 2)) * (margin * angle_AC).cos() - 2 * turns_AC
    if kind == "magface":
        share_A = (size_A.clamp(*SIZES) - SIZES[0]) / (SIZES[1] - SIZES[0])
        return (angle_AC + MAG_MARGINS[0] + (MAG_MARGINS[1] - MAG_MARGINS[0]) * share_A[:, None]).cos()
    if kind == "adaface":
        h_A1 = ((size_A.clamp(1e-3, 100) - state_2[0]) / (state_2[1] + 1e-3) / 3).clamp(-1, 1)[:, None]
        return (angle_AC - margin * h_A1).clamp(1e-3, math.pi - 1e-3).cos() - margin - margin * h_A1
    return (angle_AC + margin).cos()


@torch.no_grad()
def next_state(kind: Margin, state_2: Tensor, *, cosine_AC: Tensor, positive_AC: Tensor, size_A: Tensor) -> Tensor:
    """The running means after a batch, before whose loss they are moved."""
    if kind not in START:
        return state_2
    if kind == "curricularface":
        now_2 = torch.stack([cosine_AC[positive_AC].mean(), torch.zeros_like(cosine_AC[0, 0])])
    else:
        sizes_A = size_A.clamp(1e-3, 100)
        now_2 = torch.stack([sizes_A.mean(), sizes_A.std()])
    return torch.lerp(state_2.to(now_2.dtype), now_2, FOLLOW)
