from __future__ import annotations

import math

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.gated_attention import GatedAttention, GatedLayer, distance_buckets


def slow_bucket(apart: int, *, buckets: int, distance: int) -> int:
    """Bucket of one distance, as the T5 paper tells it in words."""
    half = buckets // 2
    first = half if apart > 0 else 0
    away = abs(apart)
    if away < half // 2:
        return first + away
    share = math.log(away / (half // 2)) / math.log(distance / (half // 2))
    return first + min(half // 2 + int(share * (half - half // 2)), half - 1)


def test_buckets_are_those_of_the_definition():
    found = distance_buckets(60, buckets=12, distance=40).tolist()
    for query in range(0, 60, 7):
        for key in range(60):
            assert found[query][key] == slow_bucket(key - query, buckets=12, distance=40), (query, key)
    assert int(distance_buckets(2000, buckets=320, distance=800).max()) == 319


def test_equals_the_formula_written_out():
    torch.manual_seed(0)
    B, T, D, H = 2, 6, 8, 2
    E = D // H
    attention = GatedAttention(D, heads=H, gated=True).double()
    torch.nn.init.normal_(attention.gate_scale_H)
    x, d = torch.randn(B, T, D, dtype=torch.float64), torch.randn(H, T, T, dtype=torch.float64)
    lengths = (6, 4)
    out = torch.zeros(B, T, D, dtype=torch.float64)
    for b in range(B):
        q, k, v = attention.qkv(x[b]).chunk(3, -1)
        for h in range(H):
            one = slice(h * E, h * E + E)
            for i in range(T):
                maps = attention.gate.weight @ x[b, i, one] + attention.gate.bias
                a, g = torch.sigmoid(maps[:4].sum()), torch.sigmoid(maps[4:].sum())
                r = a * (g * attention.gate_scale_H[h] - 1) + 2
                logits = [q[i, one] @ k[j, one] / E**0.5 + r * d[h, i, j] for j in range(lengths[b])]
                weights = torch.stack(logits).softmax(0)
                out[b, i, one] = weights @ v[: lengths[b], one]
    seen = torch.arange(T) < torch.tensor(lengths)[:, None]
    torch.testing.assert_close(attention(x, seen, d), attention.out(out))


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_layer_shows_what_its_feed_forward_net_adds(norm):
    torch.manual_seed(0)
    layer = GatedLayer(8, heads=2, ff=12, norm=norm, bias=False).eval()
    x = torch.randn(1, 5, 8)
    y, added = layer(x, None)
    middle = x + layer.attention(layer.norm_attention(x) if norm == "pre" else x, None)
    if norm == "post":
        middle = layer.norm_attention(middle)
        torch.testing.assert_close(layer.norm_ff(middle + added), y)
    else:
        torch.testing.assert_close(middle + added, y)
    assert layer.attention.qkv.bias is None


def test_heads_must_divide():
    with pytest.raises(SonantError, match="heads"):
        GatedAttention(8, heads=3)
