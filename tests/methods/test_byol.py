import pytest
import torch
from view_parts import small, views

from sonant.core import SonantError
from sonant.objectives.cosine_distance import negative_cosine

SIZES = {"projector": (16, 8), "predictor": 12}


def test_both_directions_add_up_and_the_targets_are_of_the_copy():
    method, batch = small("byol", **SIZES), views()
    out = method(batch)
    fast_B2D, slow_B2D = method.embed(batch)
    predicted = method.predictor(method.projector(fast_B2D))
    target = method.slow["projector"](slow_B2D)
    sides = [2 + 2 * negative_cosine(predicted[:, v], target[:, 1 - v]) for v in (0, 1)]
    torch.testing.assert_close(out.total, sides[0] + sides[1])
    out.total.backward()
    assert all(p.grad is None for p in method.slow.parameters())


def test_the_momentum_rises_to_one():
    method = small("byol", **SIZES, momentum=0.5)
    method(views())
    weight, slow = method.embedding.linear.weight, method.slow["embedding"].linear.weight
    with torch.no_grad():
        weight.add_(1.0)
    before = slow.clone()
    method.after_step(10, 10)
    assert torch.equal(slow, before)
    method.after_step(0, 10)
    torch.testing.assert_close(slow, before + 0.5)


def test_a_momentum_that_falls_is_told():
    with pytest.raises(SonantError, match="momentum"):
        small("byol", momentum=0.9, final_momentum=0.5)
