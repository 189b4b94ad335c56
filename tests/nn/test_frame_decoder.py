from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.frame_decoder import FrameDecoder, FrameDecoderConfig


def test_layers_in_order():
    decode = FrameDecoder(FrameDecoderConfig(layers=3, hidden=5, activation="tanh"), in_dim=2, out_dim=4)
    assert [tuple(linear.weight.shape) for linear in decode.linears] == [(5, 2), (5, 5), (4, 5)]
    c = torch.randn(2, 3, 2)
    a, b, last = decode.linears
    torch.testing.assert_close(decode(c), last(torch.tanh(b(torch.tanh(a(c))))))


def test_one_layer_is_linear_and_relu_is_asked_for():
    c = torch.randn(2, 3, 2)
    linear = FrameDecoder(FrameDecoderConfig(layers=1), in_dim=2, out_dim=4)
    torch.testing.assert_close(linear(c), linear.linears[0](c))
    clipped = FrameDecoder(FrameDecoderConfig(layers=1, output="relu"), in_dim=2, out_dim=4)
    clipped.load_state_dict(linear.state_dict())
    torch.testing.assert_close(clipped(c), linear(c).clamp(min=0))
    assert (linear(c) < 0).any()


@pytest.mark.parametrize("settings", [{"layers": 0}, {"hidden": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        FrameDecoderConfig(**settings)
