"""The head of PASE's workers."""

from __future__ import annotations

import torch
from torch import nn

from sonant.nn.prelu_mlp import PReLU, PReLUMLP


def test_slopes_belong_to_channels():
    prelu, x = PReLU(3), torch.randn(2, 5, 3)
    nn.init.uniform_(prelu.weight)
    torch.testing.assert_close(prelu(x), torch.where(x > 0, x, x * prelu.weight))
    x, weight = x.double().requires_grad_(), prelu.double().weight
    assert torch.autograd.gradcheck(lambda a, _: prelu(a), (x, weight))
    assert torch.autograd.gradcheck(lambda a, _: prelu(a.transpose(1, 2), channels_first=True), (x, weight))


def test_is_the_layers_one_after_the_other():
    mlp, x = PReLUMLP(4, 3, hidden=6, layers=2), torch.randn(2, 5, 4)
    first, second = mlp.blocks
    expected = mlp.out(second[1](second[0](first[1](first[0](x)))))
    torch.testing.assert_close(mlp(x), expected)
    torch.testing.assert_close(mlp.channels_first(x.transpose(1, 2)).transpose(1, 2), expected)
    assert PReLUMLP(4, 3, layers=0)(x).shape == (2, 5, 3)
