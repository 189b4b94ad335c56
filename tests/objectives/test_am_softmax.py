"""Additive margin softmax against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from sonant.objectives.am_softmax import am_softmax


def test_equals_the_formula():
    torch.manual_seed(0)
    x, weight, classes = torch.randn(4, 3), torch.randn(5, 3), [0, 4, 2, 2]
    total = 0.0
    for row, true in zip(x, classes, strict=True):
        cosine = [float(row @ w / row.norm() / w.norm()) for w in weight]
        top = math.exp(30 * (cosine[true] - 0.4))
        rest = sum(math.exp(30 * c) for j, c in enumerate(cosine) if j != true)
        total -= math.log(top / (top + rest)) / 4
    assert am_softmax(x, weight, torch.tensor(classes)).item() == pytest.approx(total, rel=1e-5)


def test_length_does_not_matter_and_the_margin_costs():
    x, weight, classes = torch.randn(4, 3), torch.randn(5, 3), torch.tensor([0, 4, 2, 2])
    torch.testing.assert_close(am_softmax(7 * x, weight / 3, classes), am_softmax(x, weight, classes))
    assert am_softmax(x, weight, classes) > am_softmax(x, weight, classes, margin=0.0)
