from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.sinc_conv import Config, Encoder


def test_is_filters_convolutions_and_a_linear_layer():
    """Against the same layers in torch with Keras's padding of 4000 samples: half of kernel - stride on each side."""
    torch.manual_seed(0)
    encoder = Encoder(Config(dim=6, channels=8), source=FrameGeometry(16000)).double()
    wave = torch.randn(2, 4000, dtype=torch.float64)
    x = F.conv1d(wave[:, None], encoder.sinc.filters()[:, None], stride=5, padding=3)
    x = F.layer_norm(x.transpose(1, 2), (8,), eps=1e-3).relu().transpose(1, 2)
    for conv, kernel, stride in zip(encoder.convs, (8, 4, 4, 4), (4, 2, 2, 2), strict=True):
        x = F.conv1d(x, conv.weight, conv.bias, stride=stride, padding=(kernel - stride) // 2)
        x = F.layer_norm(x.transpose(1, 2), (8,), eps=1e-3).relu().transpose(1, 2)
    x = F.layer_norm(encoder.linear(x.transpose(1, 2)), (6,), eps=1e-3)
    out = encoder(Frames.of_wave(wave, None, 16000))
    assert out.x_BTD.shape == (2, 25, 6)
    torch.testing.assert_close(out.x_BTD, x)


def test_filters_are_of_waveforms():
    with pytest.raises(SonantError, match="leave out 'features'"):
        Encoder(Config(), source=FrameGeometry(16000, hop=160, window=400), in_dim=40)
    with pytest.raises(SonantError, match="at least 2"):
        Config(dim=1)
