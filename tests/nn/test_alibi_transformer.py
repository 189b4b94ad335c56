from __future__ import annotations

import math

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.alibi_transformer import Attention, Layer, slopes_of
from sonant.nn.attention import causal_bias


def bias_of(T, heads=4):
    t = torch.arange(T)
    return causal_bias(t, t, width=None, slopes_H=slopes_of(heads))


def test_slopes():
    assert slopes_of(4).tolist() == [0.25, 0.0625, 0.015625, 0.00390625]
    six = [*slopes_of(4).tolist(), 2**-1.0, 2**-3.0]  # every second one of eight heads behind
    assert slopes_of(6).tolist() == pytest.approx(six)


def test_attention_by_definition():
    """One frame at a time, the bias as m times the number of the key."""
    torch.manual_seed(0)
    attention = Attention(8, heads=2, scale=1 / math.sqrt(8))
    x, y = torch.randn(2, 1, 7, 8)
    with torch.no_grad():
        found = attention(x, y, bias_of(7, 2))
        for t in range(7):
            heads = []
            for h, slope in enumerate(slopes_of(2).tolist()):
                own = slice(4 * h, 4 * h + 4)
                q = attention.query(x[0, t])[own]
                k, v = attention.key(y[0, : t + 1])[:, own], attention.value(y[0, : t + 1])[:, own]
                weight = (k @ q / math.sqrt(8) + slope * torch.arange(t + 1)).softmax(0)
                heads.append(weight @ v)
            torch.testing.assert_close(found[0, t], attention.out(torch.cat(heads)))


@pytest.mark.parametrize("heads", [2, 4])
def test_the_weights_shown_are_those_used(heads):
    attention = Attention(8, heads=heads, scale=0.3)
    x, y, bias = torch.randn(2, 5, 8), torch.randn(2, 5, 8), bias_of(5, heads)
    shown = attention.weights(x, y, bias)
    torch.testing.assert_close(shown.sum(-1), torch.ones(2, heads, 5))
    assert (shown.triu(1) == 0).all()
    by_hand = attention.out((shown @ attention.split(attention.value(y))).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, y, bias), by_hand)


def test_the_residual_is_doubled_in_2022():
    layer = Layer(8, heads=2, ff=12, style="gpt_2022")
    x, bias = torch.randn(1, 4, 8), bias_of(4, 2)
    attended = layer.attention(layer.norm_attention(x), layer.norm_attention(x), bias)
    h = 2 * x + attended
    wanted = h + layer.ff_out(torch.nn.functional.gelu(layer.ff_in(layer.norm_ff(h))))
    torch.testing.assert_close(layer(x, bias), wanted)


@pytest.mark.parametrize("style", ["gpt", "gpt_2022", "transformer"])
def test_cross_layers_see_the_other_channel_up_to_now(style):
    layer = Layer(8, heads=2, ff=12, style=style, cross=True)
    x, y = torch.randn(1, 6, 8, requires_grad=True), torch.randn(1, 6, 8, requires_grad=True)
    of_x, of_y = torch.autograd.grad(layer(x, bias_of(6, 2), y)[0, 3].pow(2).sum(), [x, y])
    for gradient in (of_x, of_y):
        assert (gradient[0, :4].abs().sum(1) > 0).all() and (gradient[0, 4:] == 0).all()


def test_heads_must_divide():
    with pytest.raises(SonantError, match="must divide"):
        Attention(8, heads=3, scale=1.0)
