from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sonant.core import SonantError, mask_of
from sonant.nn.full_attention import FullAttention, FullLayer, bert_init, sinusoids

D, H = 8, 2


def test_positions_are_their_formula():
    table = sinusoids(3000, 6)
    assert table.shape == (3000, 6)
    for t in (0, 1, 17, 2999):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    assert sinusoids(0, 4).shape == (0, 4)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_layer_equals_torch_with_the_same_weights(norm, activation, padded):
    torch.manual_seed(0)
    ours = FullLayer(D, heads=H, ff=16, norm=norm, activation=activation, eps=1e-12).double()
    theirs = nn.TransformerEncoderLayer(
        D,
        H,
        16,
        dropout=0.0,
        activation=activation,
        layer_norm_eps=1e-12,
        batch_first=True,
        norm_first=norm == "pre",
        dtype=torch.float64,
    )
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "ff_in.",
        "linear2.": "ff_out.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_ff.",
    }
    state = {}
    for name in theirs.state_dict():
        found = next(prefix for prefix in names if name.startswith(prefix))
        state[name] = ours.state_dict()[name.replace(found, names[found])]
    theirs.load_state_dict(state)
    x, real = torch.randn(2, 7, D, dtype=torch.float64), mask_of(torch.tensor([7, 4]), 7)
    y = ours(x, real if padded else None)
    expected = theirs.train()(x, src_key_padding_mask=~real if padded else None)
    keep = real if padded else torch.ones_like(real)
    torch.testing.assert_close(y[keep], expected[keep])


def test_initial_weights_are_small_and_without_bias():
    torch.manual_seed(0)
    linear = nn.Linear(300, 300).apply(bert_init)
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not linear.bias.any()


def test_heads_must_divide():
    with pytest.raises(SonantError, match="must divide"):
        FullAttention(9, heads=2)
