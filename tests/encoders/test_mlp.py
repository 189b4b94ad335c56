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


def test_dropout_at_one_place():
    """All of it at the third of four layers: its output is its bias, whatever came before."""
    cfg = Config(dim=5, hidden=6, layers=4, dropout=1 - 1e-9, dropout_before=3)
    encoder = Encoder(cfg, source=SOURCE, in_dim=13)
    x = Frames(torch.randn(1, 9, 13), torch.tensor([9]), SOURCE)
    dropped = encoder(x).x_BTD
    torch.testing.assert_close(dropped[0, 0], F.relu(encoder.linears[3](F.relu(encoder.linears[2].bias))))
    assert not torch.allclose(encoder.eval()(x).x_BTD, dropped)
    everywhere = Encoder(Config(dim=5, hidden=6, layers=4, dropout=0.5), source=SOURCE, in_dim=13)
    assert encoder.state_dict().keys() == everywhere.state_dict().keys()


@pytest.mark.parametrize("settings", [{"layers": 0}, {"dropout": 1.0}, {"dropout_before": 2}, {"dropout_before": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
