from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.nn import blocked_attention
from sonant.nn.attention import alibi_slopes, causal_bias
from sonant.nn.blocked_attention import BLOCK, causal_attend


def inputs(T, dtype=torch.float64):
    generator = torch.Generator().manual_seed(T)
    return [torch.randn(2, 4, T, 8, generator=generator, dtype=dtype, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize("T", [1, BLOCK - 1, BLOCK, 2 * BLOCK + 7])
@pytest.mark.parametrize("width", [None, 20])
@pytest.mark.parametrize("alibi", [True, False])
def test_as_all_at_once(T, width, alibi):
    t = torch.arange(T)
    bias = causal_bias(t, t, width=width, slopes_H=alibi_slopes(4) if alibi else None)
    found, wanted = inputs(T), inputs(T)
    y = causal_attend(*found, bias, scale=0.3)
    whole = F.scaled_dot_product_attention(*wanted, attn_mask=bias.double() if alibi else bias, scale=0.3)
    torch.testing.assert_close(y, whole)
    y.square().sum().backward()
    whole.square().sum().backward()
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_nothing_to_attend_to():
    assert causal_attend(*inputs(0), torch.zeros(0, 0), scale=1.0).shape == (2, 4, 0, 8)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_drops_its_share_of_weights_and_keeps_the_mean(dropout):
    T = 3 * BLOCK
    q, k, _ = inputs(T, torch.float32)
    ones = torch.eye(T).expand(2, 4, T, T)  # values that give the weights themselves
    bias = torch.ones(T, T, dtype=torch.bool).tril()
    torch.manual_seed(0)
    weights = causal_attend(q, k, ones, bias, scale=0.0, dropout=dropout)
    seen = bias.expand_as(weights)
    assert (weights[seen] == 0).float().mean().item() == pytest.approx(dropout, abs=2e-3)
    torch.testing.assert_close(weights.sum(-1).mean().item(), 1.0, atol=5e-3, rtol=0)
    torch.manual_seed(0)
    assert torch.equal(weights, causal_attend(q, k, ones, bias, scale=0.0, dropout=dropout))
    assert not torch.equal(weights, causal_attend(q, k, ones, bias, scale=0.0, dropout=dropout))


def test_the_share_that_is_dropped_is_exact():
    torch.manual_seed(0)
    drawn = blocked_attention._dropped(torch.Size((1000, 1001)), 0.1)
    assert drawn.float().mean().item() == pytest.approx(0.1, abs=1e-3)
    assert not blocked_attention._dropped(torch.Size((3, 5)), 0.0).any()
