import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features._warp import hz_of, mel_of, warp_matrices
from sonant.features.logmel import Config, Features

BAND = {"n_mels": 40, "low_hz": 20.0, "high_hz": 7600.0}


def test_factor_one_changes_nothing():
    assert torch.allclose(warp_matrices(torch.ones(2), **BAND), torch.eye(40).expand(2, 40, 40), atol=1e-4)


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_peak_moves_by_the_factor(factor):
    centres = hz_of(
        mel_of(torch.tensor(20.0))
        + (mel_of(torch.tensor(7600.0)) - mel_of(torch.tensor(20.0))) * torch.arange(1, 41) / 41
    )
    peak = torch.exp(-(((centres - 1500) / 200) ** 2))
    moved = peak @ warp_matrices(torch.tensor([factor]), **BAND)[0]
    mean = (moved * centres).sum() / moved.sum()
    assert mean.item() == pytest.approx(1500 / factor, rel=0.06)


def test_every_output_is_an_average():
    matrices = warp_matrices(torch.tensor([0.7, 0.9, 1.1, 1.3]), **BAND)
    assert (matrices >= 0).all()
    assert torch.allclose(matrices.sum(1), torch.ones(4, 40), atol=1e-4)


def test_only_training_is_warped_and_it_follows_the_seed():
    features = Features(Config(n_mels=40, warp=0.2), source=FrameGeometry(16000))
    wave = Frames.of_wave(torch.randn(3, 8000) / 10, torch.tensor([8000, 6000, 300]), 16000)
    plain = Features(Config(n_mels=40), source=FrameGeometry(16000))(wave).x_BTD
    assert torch.equal(features.eval()(wave).x_BTD, plain)
    features.train()
    torch.manual_seed(1)
    first = features(wave).x_BTD
    torch.manual_seed(1)
    assert torch.equal(features(wave).x_BTD, first)
    assert not torch.allclose(features(wave).x_BTD, first)
    assert not first[2, 2:].any()


def test_a_wild_warp_is_refused():
    with pytest.raises(SonantError, match="warp"):
        Features(Config(warp=0.7), source=FrameGeometry(16000))
