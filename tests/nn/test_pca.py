"""Principal components."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.pca import PCA, fit


def cloud(frames: int, seed: int = 0) -> torch.Tensor:
    """Frames far from the origin whose variances differ by direction."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(50 + rng.standard_normal((frames, 6)) @ np.diag([3, 2.5, 1, 0.5, 0.2, 0.1]) @ MIX).float()


MIX = np.linalg.qr(np.random.default_rng(5).standard_normal((6, 6)))[0]


def test_fit_is_that_of_a_decomposition_of_all_frames():
    x_ND = cloud(400)
    found = fit(x_ND.split(37), 3)
    centred = x_ND.double() - x_ND.double().mean(0)
    _, values, rows = torch.linalg.svd(centred, full_matrices=False)
    torch.testing.assert_close(
        (found.basis_DK.T @ rows[:3].T).abs(), torch.eye(3, dtype=torch.float64), atol=1e-6, rtol=0
    )
    assert found.share == pytest.approx(float(values[:3].square().sum() / values.square().sum()), abs=1e-9)
    assert found.frames == 400


def test_agrees_with_the_low_rank_fit():
    torch.manual_seed(0)
    x_ND = cloud(2000)
    _, _, theirs = torch.pca_lowrank(x_ND, q=2, niter=6)
    ours = fit([x_ND], 2).basis_DK.float()
    torch.testing.assert_close((ours * theirs).sum(0).abs(), torch.ones(2), atol=1e-3, rtol=0)


def test_signs_and_order_do_not_depend_on_the_order_of_frames():
    x_ND = cloud(300)
    one, other = fit([x_ND], 4).basis_DK, fit([x_ND.flip(0)[:100], x_ND.flip(0)[100:]], 4).basis_DK
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    assert (one.gather(0, one.abs().argmax(0, keepdim=True)) > 0).all()


def test_projection_has_no_bias_and_keeps_padding():
    module = PCA(source=FrameGeometry(16000, hop=160), in_dim=6, dim=2)
    module.basis_DK.copy_(fit([cloud(100)], 2).basis_DK)
    frames = Frames(cloud(8).reshape(2, 4, 6), torch.tensor([4, 2]), FrameGeometry(16000, hop=160)).masked()
    out = module(frames)
    torch.testing.assert_close(out.x_BTD, frames.x_BTD @ module.basis_DK)
    assert (out.x_BTD[1, 2:] == 0).all()


def test_too_few_frames_or_dimensions_are_told():
    with pytest.raises(SonantError, match="too few"):
        fit([cloud(3)], 3)
    with pytest.raises(SonantError, match="lower dim"):
        fit([cloud(100)], 7)
    with pytest.raises(SonantError, match="1 to 6"):
        PCA(source=FrameGeometry(16000), in_dim=6, dim=7)
