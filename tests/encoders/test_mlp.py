from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.mlp import Config, Encoder

SOURCE = FrameGeometry(16000, hop=160, window=400)


def test_default_is_one_linear_layer_with_relu():
    encoder = Encoder(Config(), source=SOURCE, in_dim=80)
    x = torch.randn(2, 5, 80)
    out = encoder(Frames(x, torch.tensor([5, 5]), SOURCE)).x_BTD
    torch.testing.assert_close(out, F.relu(encoder.linears[0](x)))
    assert encoder.geometry == SOURCE


def test_hidden_layers_and_a_linear_output():
    encoder = Encoder(Config(dim=64, hidden=32, layers=3, norm=True, linear_output=True), source=SOURCE, in_dim=13)
    assert [tuple(linear.weight.shape) for linear in encoder.linears] == [(32, 13), (32, 32), (64, 32)]
    assert len(encoder.norms) == 2
    assert (encoder(Frames(torch.randn(1, 9, 13), torch.tensor([9]), SOURCE)).x_BTD < 0).any()


@pytest.mark.parametrize("settings", [{"layers": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
