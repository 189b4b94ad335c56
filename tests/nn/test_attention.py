from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.core import SonantError
from sonant.nn.attention import CausalAttention, TransformerLayer, alibi_slopes, causal_bias, same_phase

D, H = 8, 2


def slow(module: CausalAttention, x_BTD: torch.Tensor) -> torch.Tensor:
    """Attention written out query by query."""
    q, k, v = module.qkv(x_BTD).chunk(3, dim=-1)
    E = D // H
    out = torch.zeros_like(q)
    for b in range(x_BTD.shape[0]):
        for h in range(H):
            part = slice(h * E, (h + 1) * E)
            for t in range(x_BTD.shape[1]):
                first = 0 if module.width is None else max(t - module.width + 1, 0)
                logits = k[b, first : t + 1, part] @ q[b, t, part] / E**0.5
                if module.slopes_H is not None:
                    logits = logits - module.slopes_H[h] * torch.arange(t - first, -1, -1)
                out[b, t, part] = logits.softmax(0) @ v[b, first : t + 1, part]
    return module.out(out)


@pytest.mark.parametrize("width", [None, 1, 3, 5, 40])
@pytest.mark.parametrize("positions", ["none", "alibi"])
@pytest.mark.parametrize("frames", [1, 6, 7, 12, 23])
def test_equals_attention_written_out(width, positions, frames):
    torch.manual_seed(0)
    module = CausalAttention(D, heads=H, width=width, positions=positions).double()
    x = torch.randn(2, frames, D, dtype=torch.float64)
    torch.testing.assert_close(module(x), slow(module, x))


def test_slopes_fall_geometrically_to_2_to_the_minus_8():
    assert alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]
    assert alibi_slopes(16)[-1] == 2.0**-8


def test_bias_is_a_band():
    t = torch.arange(5)
    seen = causal_bias(t, t, width=2, slopes_H=None)
    assert seen.int().tolist() == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_layer_equals_torch_with_the_same_weights(norm):
    torch.manual_seed(0)
    ours = TransformerLayer(D, heads=H, ff=16, norm=norm).double().eval()
    theirs = nn.TransformerEncoderLayer(
        D, H, 16, dropout=0.0, batch_first=True, norm_first=norm == "pre", dtype=torch.float64
    )
    names = {
        "self_attn.in_proj_weight": "attention.qkv.weight",
        "self_attn.in_proj_bias": "attention.qkv.bias",
        "self_attn.out_proj.weight": "attention.out.weight",
        "self_attn.out_proj.bias": "attention.out.bias",
        "linear1": "ff_in",
        "linear2": "ff_out",
        "norm1": "norm_attention",
        "norm2": "norm_ff",
    }
    state = {}
    for name in theirs.state_dict():
        found = next(prefix for prefix in names if name.startswith(prefix))
        state[name] = ours.state_dict()[name.replace(found, names[found])]
    theirs.load_state_dict(state)
    x = torch.randn(2, 7, D, dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs.train()(x, src_mask=mask))


def test_impossible_settings_are_refused():
    with pytest.raises(SonantError, match="must divide"):
        CausalAttention(9, heads=2)
    with pytest.raises(SonantError, match="width"):
        CausalAttention(8, heads=2, width=0)


@pytest.mark.parametrize("width", [None, 4])
def test_a_period_shows_frames_of_the_same_phase(width):
    torch.manual_seed(0)
    module = CausalAttention(D, heads=H, width=width, positions="period", period=3)
    x = torch.randn(1, 12, D, requires_grad=True)
    module(x)[0, 10].square().sum().backward()
    reached = x.grad[0].abs().sum(-1).nonzero()[:, 0].tolist()
    assert reached == ([1, 4, 7, 10] if width is None else [7, 10])


def test_phases_are_told_by_the_sine():
    """Places that mirror each other have nearly the same sine; where float32 makes them equal they see each other."""
    t = torch.arange(50)
    seen = same_phase(t, t, 50)
    assert seen.diagonal().all()
    assert seen[12, 13]
    assert not seen[11, 14]
    assert torch.equal(seen, same_phase(t + 50, t, 50))
