from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.cpc_conv import Config, Encoder


def test_geometry_is_that_of_the_paper():
    """465 samples every 160 (10 ms at 16 kHz); 20480 samples are 128 frames (CPC_audio), 16237 are 101."""
    encoder = Encoder(Config(dim=8), source=FrameGeometry(16000))
    assert (encoder.geometry.hop, encoder.geometry.window) == (160, 465)
    assert encoder.geometry.rate == 100.0
    assert [encoder.geometry.frames(n) for n in (20480, 16237)] == [128, 101]


def test_equals_five_torch_convolutions():
    torch.manual_seed(0)
    encoder = Encoder(Config(dim=8), source=FrameGeometry(16000)).double()
    wave = torch.randn(2, 2000, dtype=torch.float64)
    x = wave[:, None]
    for conv, norm in zip(encoder.convs, encoder.norms, strict=True):
        x = F.conv1d(x, conv.weight, conv.bias, stride=conv.stride[0], padding=conv.left)
        normal = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1e-5).sqrt()
        x = F.relu(normal * norm.weight[:, None] + norm.bias[:, None])
    out = encoder(Frames.of_wave(wave, None, 16000))
    torch.testing.assert_close(out.x_BTD, x.transpose(1, 2))


def test_instance_norm_declares_that_it_sees_everything():
    assert Encoder(Config(dim=8, norm="instance"), source=FrameGeometry(16000)).future is None
    assert Encoder(Config(dim=8), source=FrameGeometry(16000)).future == 0


def test_dropout_acts_while_training_only():
    encoder = Encoder(Config(dim=8, dropout=0.5), source=FrameGeometry(16000))
    frames = Frames.of_wave(torch.randn(1, 2000), None, 16000)
    assert not torch.equal(encoder(frames).x_BTD, encoder(frames).x_BTD)
    encoder.eval()
    assert torch.equal(encoder(frames).x_BTD, encoder(frames).x_BTD)


@pytest.mark.parametrize("settings", [{"dim": 1}, {"dropout": 1.0}, {"hidden": 1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)


def test_is_the_simple_audio_cnn_of_sslsv():
    """Its geometry (150 frames of 24000 samples, 75 of 12137) and its 4 334 720 parameters, 64 channels out."""
    encoder = Encoder(Config(dim=64, hidden=512, norm="batch", bias=False), source=FrameGeometry(16000))
    assert [encoder.geometry.frames(n) for n in (24000, 12137)] == [150, 75]
    assert sum(p.numel() for p in encoder.parameters()) == 4334720


def test_same_padding_is_that_of_keras():
    """25 frames of 4000 samples, one for every 160: the odd zero of the first layer stands behind."""
    torch.manual_seed(0)
    settings = {"dim": 6, "hidden": 8, "norm": "layer", "eps": 1e-3, "padding": "same"}
    encoder = Encoder(Config(**settings), source=FrameGeometry(16000)).double()
    wave = torch.randn(2, 4000, dtype=torch.float64)
    x = wave[:, None]
    for conv, kernel, stride in zip(encoder.convs, (10, 8, 4, 4, 4), (5, 4, 2, 2, 2), strict=True):
        total = max(kernel - stride, 0)
        x = F.conv1d(F.pad(x, (total // 2, total - total // 2)), conv.weight, conv.bias, stride=stride)
        x = F.layer_norm(x.transpose(1, 2), (conv.out_channels,), eps=1e-3).relu().transpose(1, 2)
    out = encoder(Frames.of_wave(wave, None, 16000))
    assert out.x_BTD.shape == (2, 25, 6)
    torch.testing.assert_close(out.x_BTD, x.transpose(1, 2))
