"""Distances between frames as one matrix product and a finishing touch.

Letters: F frames, D dimensions, K columns of an operand, I and J frames of two sequences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ..core import require, unknown

DISTANCES = ("angular", "cosine", "euclidean", "sqeuclidean", "kl", "identical")
Distance = Literal["angular", "cosine", "euclidean", "sqeuclidean", "kl", "identical"]
ZeroFrames = Literal["apart", "uniform"]

KL_FLOOR = 1e-6  # added inside the logarithms
_BORDER, _ZERO_BORDER = 1e-12, -2e12  # extra coordinate of normal and of zero frames
_SAME = 1e-14  # squared distance, relative to the squared norms, that is rounding


@dataclass(frozen=True)
class Operands:
    """Frames prepared so that ``finish(left @ right.T)`` holds the distances of all pairs of frames.

    Attributes:
        left_FK, right_FK: frames as the first and as the second argument of the distance.
        distance: its name.
        dtype: of the distances, float32 or float64. (The products of ``euclidean``, ``sqeuclidean`` and ``kl``
            cancel, so these operands are float64 always.)
    """

    left_FK: Tensor
    right_FK: Tensor
    distance: Distance
    dtype: torch.dtype

    def between(self, left_IK: Tensor, right_JK: Tensor) -> Tensor:
        """(..., I, K) rows of ``left_FK`` and (..., J, K) rows of ``right_FK`` -> (..., I, J) distances."""
        return self.finish(self.product(left_IK, right_JK), left_IK, right_JK)

    def product(self, left_IK: Tensor, right_JK: Tensor) -> Tensor:
        """The part of ``between`` that a matrix product does."""
        if self.distance == "identical":
            return (left_IK != right_JK.transpose(-1, -2)).to(self.dtype)
        return left_IK @ right_JK.transpose(-1, -2)

    def finish(self, product_IJ: Tensor, left_IK: Tensor, right_JK: Tensor) -> Tensor:
        """The rest of ``between``; may overwrite ``product_IJ``."""
        if self.distance == "identical":
            return product_IJ
        if self.distance == "kl":
            return product_IJ.clamp_(min=0).to(self.dtype)
        if self.distance in ("euclidean", "sqeuclidean"):
            scale_IJ = left_IK[..., -2, None] + right_JK[..., None, :, -1]
            square_IJ = product_IJ.masked_fill_(product_IJ <= _SAME * scale_IJ, 0.0)
            return (square_IJ.sqrt_() if self.distance == "euclidean" else square_IJ).to(self.dtype)
        product_IJ.clamp_(-1.0, 1.0)
        return product_IJ.neg_().add_(1.0) if self.distance == "cosine" else product_IJ.acos_().div_(math.pi)

    def to(self, device: torch.device | str) -> Operands:
        """The same operands on ``device``."""
        return replace(self, left_FK=self.left_FK.to(device), right_FK=self.right_FK.to(device))


def unit_frames(x_FD: Tensor, zero_frames: ZeroFrames = "apart") -> Tensor:
    """(F, D) frames of norm 1 in float64, (F, D + 1) when zero frames among them are kept apart.

    A frame of zeros has no direction. ``apart`` (Libri-light): angular distance 0 from other zero frames and 1
    from all others, by an extra coordinate. ``uniform`` (fastabx): it becomes 1 / sqrt(D) in every coordinate.
    """
    if zero_frames not in ("apart", "uniform"):
        raise unknown("treatment of zero frames", zero_frames, ("apart", "uniform"))
    norm_F1 = torch.linalg.vector_norm(x_FD, dim=1, keepdim=True, dtype=torch.float64)
    zero_F1 = norm_F1 == 0
    unit_FD = (x_FD.double() / norm_F1).masked_fill(zero_F1, x_FD.shape[1] ** -0.5)
    if zero_frames == "uniform" or not bool(zero_F1.any()):
        return unit_FD
    border_F1 = torch.full_like(norm_F1, _BORDER).masked_fill(zero_F1, _ZERO_BORDER)
    return torch.cat([unit_FD, border_F1], dim=1)


def operands(x_FD: Tensor, distance: Distance, *, dtype: torch.dtype = torch.float32) -> Operands:
    """Prepare frames for a distance.

    ``angular`` arccos(x . y) / pi in [0, 1] and ``cosine`` 1 - x . y in [0, 2], both of frames that
    ``unit_frames`` made; ``euclidean`` |x - y| and ``sqeuclidean`` its square; ``kl`` the symmetric
    0.5 sum (x - y) log((x + e) / (y + e)), e = 1e-6, of frames that are probabilities; ``identical`` 0 for equal
    frames, 1 for others.

    Args:
        x_FD: (F, D) frames.
        distance: one of ``DISTANCES``.
        dtype: of the distances, float32 or float64.

    Raises:
        SonantError: unknown distance; negative numbers for ``kl``.
    """
    if distance == "identical":
        left_FK = right_FK = torch.unique(x_FD, dim=0, return_inverse=True)[1][:, None]
    elif distance in ("angular", "cosine"):
        left_FK = right_FK = x_FD.to(dtype)
    elif distance in ("euclidean", "sqeuclidean"):
        left_FK, right_FK = _euclidean(x_FD.double())
    elif distance == "kl":
        left_FK, right_FK = _kl(x_FD.double())
    else:
        raise unknown("distance", distance, DISTANCES)
    return Operands(left_FK, right_FK, distance, dtype)


def _euclidean(x_FD: Tensor) -> tuple[Tensor, Tensor]:
    """|x - y|^2 = -2 x . y + |x|^2 1 + 1 |y|^2."""
    one_F1 = torch.ones_like(x_FD[:, :1])
    square_F1 = x_FD.square().sum(dim=1, keepdim=True)
    return torch.cat([-2 * x_FD, square_F1, one_F1], dim=1), torch.cat([x_FD, one_F1, square_F1], dim=1)


def _kl(x_FD: Tensor) -> tuple[Tensor, Tensor]:
    """0.5 (x . log x + y . log y - x . log y - y . log x)."""
    lowest = float(x_FD.min()) if x_FD.numel() else 0.0
    require(lowest >= 0, f"distance kl needs probabilities, got numbers down to {lowest:.3g}; angular takes any frames")
    one_F1 = torch.ones_like(x_FD[:, :1])
    log_FD = torch.log(x_FD + KL_FLOOR)
    own_F1 = (x_FD * log_FD).sum(dim=1, keepdim=True)
    left_FK = 0.5 * torch.cat([-x_FD, -log_FD, own_F1, one_F1], dim=1)
    return left_FK, torch.cat([log_FD, x_FD, one_F1, own_F1], dim=1)
