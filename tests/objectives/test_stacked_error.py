"""The error of stacked predictions against the tensor of all of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.objectives.stacked_error import stacked_error


def plain(hidden, weight, bias, target, share, stack):
    """Every prediction and every stacked target at once."""
    B, T, D = target.shape
    padded = F.pad(target, (0, 0, stack // 2, stack // 2))
    stacked = padded.unfold(1, stack, 1).reshape(B, T, D * stack)  # channel d, frame k: d K + k
    error = (F.linear(hidden, weight, bias) - stacked).square().mean(-1)
    return (error * share).sum()


@pytest.mark.parametrize("stack", [1, 3, 7])
def test_value_and_gradients(stack):
    torch.manual_seed(stack)
    target = torch.randn(2, 9, 4, dtype=torch.float64)
    leaves = [torch.randn(size, dtype=torch.float64) for size in ((2, 9, 5), (4 * stack, 5), (4 * stack,))]
    share = torch.rand(2, 9, dtype=torch.float64)
    share[1, 6:] = 0
    found = []
    for function in (plain, lambda h, w, b, t, s, _: stacked_error(h, w, b, target_BTD=t, share_BT=s)):
        own = [leaf.clone().requires_grad_() for leaf in leaves]
        loss = function(*own, target, share, stack)
        found.append([loss, *torch.autograd.grad(3 * loss, own)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_without_gradients_none_are_made():
    hidden, weight, bias = torch.randn(1, 4, 3), torch.randn(6, 3, requires_grad=True), torch.zeros(6)
    options = {"target_BTD": torch.randn(1, 4, 2), "share_BT": torch.full((1, 4), 0.25)}
    with torch.no_grad():
        quiet = stacked_error(hidden, weight, bias, **options)
    assert not quiet.requires_grad
    torch.testing.assert_close(quiet, stacked_error(hidden, weight, bias, **options).detach())


def test_can_be_asked_for_its_gradient_twice():
    hidden = torch.randn(1, 4, 3, requires_grad=True)
    loss = stacked_error(
        hidden, torch.randn(2, 3), torch.zeros(2), target_BTD=torch.randn(1, 4, 2), share_BT=torch.ones(1, 4)
    )
    first, second = (torch.autograd.grad(loss, hidden, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second) and first.abs().sum() > 0
