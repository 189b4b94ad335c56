"""Additive angular margin softmax: classes told apart by a margin of the angle.

Deng et al. 2019, "ArcFace" (arXiv:1801.07698), Eq. 3; past the angle at which the margin would wrap around the
cosine goes on in a straight line, as in their code.

Letters: N vectors, C classes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32


@in_float32
def aam_softmax(cosine_NC: Tensor, class_N: Tensor, *, scale: float = 30.0, margin: float = 0.2) -> Tensor:
    """The mean loss of vectors whose cosine with every class is given.

    cos(theta + margin) in place of the true class's cos(theta) where that is above cos(pi - margin), else
    cos(theta) - margin sin(pi - margin); then cross-entropy of scale times that.
    """
    cosine_N = cosine_NC.gather(1, class_N[:, None])[:, 0]
    sine_N = (1 - cosine_N.square()).clamp(min=1e-12).sqrt()
    further_N = cosine_N * math.cos(margin) - sine_N * math.sin(margin)
    straight_N = cosine_N - margin * math.sin(math.pi - margin)
    target_N = torch.where(cosine_N > math.cos(math.pi - margin), further_N, straight_N)
    return F.cross_entropy(scale * cosine_NC.scatter(1, class_N[:, None], target_N[:, None]), class_N)
