"""Principal components of frames: a fitted, linear, bias-free projection.

As scpc takes them (``scpc-pca``): directions of the *centred* frames, applied to frames as they are, so that the mean
is projected with the rest. There they are approximated on a sample of frames (``torch.pca_lowrank``); here they are
exact and of all frames. The sign, which is arbitrary, makes the largest entry of each direction positive.

Letters: B utterances, T frames, D dimensions, K components, N frames in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core import FrameGeometry, FrameModule, Frames, require


class PCA(FrameModule):
    """(B, T, D) -> (B, T, K).

    Args:
        source: geometry of the frames.
        in_dim: D.
        dim: K.
    """

    basis_DK: Tensor

    def __init__(self, *, source: FrameGeometry, in_dim: int, dim: int):
        super().__init__()
        require(1 <= dim <= in_dim, f"pca: frames of {in_dim} dimensions have 1 to {in_dim} components, not {dim}")
        self.geometry, self.dim = source, dim
        self.register_buffer("basis_DK", torch.zeros(in_dim, dim))

    def forward(self, frames: Frames) -> Frames:
        return frames.with_x(frames.x_BTD @ self.basis_DK.to(frames.x_BTD.dtype))


@dataclass(frozen=True)
class Fitted:
    """Components of some frames.

    Attributes:
        basis_DK: (D, K) float64 orthonormal directions, the one of most variance first.
        share: part of the variance along them, in [0, 1].
        frames: N.
    """

    basis_DK: Tensor
    share: float
    frames: int


def fit(arrays: Iterable[Tensor], dim: int) -> Fitted:
    """The first ``dim`` components of all frames of (T, D) arrays, read one after another; sums are float64.

    Raises:
        SonantError: no more frames than components, or more components than dimensions.
    """
    count, sum_D, product_DD = 0, None, None
    for x_TD in arrays:
        x_TD = x_TD.detach().cpu().double()
        if sum_D is None:
            origin_D = x_TD.mean(0) if len(x_TD) else x_TD.new_zeros(x_TD.shape[1])
            sum_D, product_DD = torch.zeros_like(origin_D), origin_D.new_zeros(len(origin_D), len(origin_D))
        x_TD = x_TD - origin_D  # near the mean, where sums of squares lose no digits
        count, sum_D, product_DD = count + len(x_TD), sum_D + x_TD.sum(0), product_DD + x_TD.T @ x_TD
    require(count > dim, f"pca: {count} frames are too few for {dim} components; give more audio or a lower dim")
    require(1 <= dim <= len(sum_D), f"pca: frames of {len(sum_D)} dimensions have no {dim} components; lower dim")
    covariance_DD = product_DD / count - torch.outer(sum_D / count, sum_D / count)
    values_D, vectors_DD = torch.linalg.eigh(covariance_DD)
    basis_DK = vectors_DD.flip(1)[:, :dim]
    largest_K = basis_DK.gather(0, basis_DK.abs().argmax(0, keepdim=True))
    values_D = values_D.clamp(min=0)
    share = float(values_D[-dim:].sum() / values_D.sum().clamp(min=torch.finfo(torch.float64).tiny))
    return Fitted(basis_DK * largest_K.sign(), share, count)
