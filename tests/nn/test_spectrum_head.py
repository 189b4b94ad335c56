from __future__ import annotations

import math

import torch

from sonant.nn.spectrum_head import SpectrumHead


def test_head_is_its_formula():
    """Linear, exact GELU, layer norm, linear."""
    torch.manual_seed(0)
    head = SpectrumHead(6, 4).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    c = torch.randn(2, 3, 6, dtype=torch.float64)
    a = c @ head.hidden.weight.T + head.hidden.bias
    g = a * 0.5 * (1 + torch.erf(a / math.sqrt(2)))
    n = (g - g.mean(-1, keepdim=True)) / g.var(-1, keepdim=True, unbiased=False).sqrt() * head.norm.weight
    expected = (n + head.norm.bias) @ head.out.weight.T + head.out.bias
    torch.testing.assert_close(head(c), expected)


def test_starts_near_zero():
    torch.manual_seed(0)
    assert SpectrumHead(256, 80)(torch.randn(4, 50, 256)).std().item() < 0.5
