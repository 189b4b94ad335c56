from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.wav2vec_conv import Config, Encoder, standardised

SMALL = {"dims": (6,) * 7}


def test_geometry_is_that_of_the_paper():
    """A window of 400 samples every 320; the first whole second gives 49 frames, ten give 499."""
    geometry = Encoder(Config(**SMALL), source=FrameGeometry(16000)).geometry
    assert (geometry.hop, geometry.window, geometry.offset, geometry.tail) == (320, 400, 0, 0)
    assert [geometry.frames(n) for n in (399, 400, 719, 720, 16000, 160000)] == [0, 1, 1, 2, 49, 499]


@pytest.mark.parametrize("norm", ["first", "every"])
def test_equals_torch_modules(norm):
    torch.manual_seed(0)
    encoder = Encoder(Config(**SMALL, norm=norm, bias=True), source=FrameGeometry(16000)).double()
    for module in encoder.norms:
        torch.nn.init.normal_(module.weight)
        torch.nn.init.normal_(module.bias)
    wave = torch.randn(1, 3000, dtype=torch.float64) + 0.3
    x = ((wave - wave.mean()) / (wave.var(unbiased=False) + 1e-7).sqrt())[:, None]
    for i, conv in enumerate(encoder.convs):
        x = F.conv1d(x, conv.weight, conv.bias, stride=conv.stride[0])
        if norm == "every":
            own = encoder.norms[i]
            x = F.layer_norm(x.transpose(1, 2), (6,), own.weight, own.bias).transpose(1, 2)
        elif i == 0:
            x = F.group_norm(x, 6, encoder.norms[0].weight, encoder.norms[0].bias)
        x = F.gelu(x)
    torch.testing.assert_close(encoder(Frames.of_wave(wave, None, 16000)).x_BTD, x.transpose(1, 2))


def test_waveforms_are_standardised_without_their_padding():
    wave_BL = torch.randn(2, 500) * torch.tensor([[1.0], [0.01]]) + 2
    out = standardised(Frames.of_wave(wave_BL, torch.tensor([500, 300]), 16000), eps=1e-7)
    for x_L1 in out.unpad():
        assert x_L1.mean().abs() < 1e-4
        assert x_L1.var(unbiased=False) == pytest.approx(1, abs=2e-3)
    assert not out.x_BTD[1, 300:].any()


def test_it_sees_everything_only_where_it_normalises_over_time():
    reach = [
        Encoder(Config(**SMALL, norm=norm, standardise=whole), source=FrameGeometry(16000)).future
        for norm, whole in (("first", False), ("every", True), ("every", False))
    ]
    assert reach == [None, None, 0]


@pytest.mark.parametrize("settings", [{"dims": (8, 8)}, {"strides": (0,) * 7}, {"eps": -1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
