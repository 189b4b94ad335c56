"""Weights of several losses: each rule against its formula."""

from __future__ import annotations

import pytest
import torch

from sonant.core import generator
from sonant.objectives.balancing import (
    hyper_volume_weights,
    kept_tasks,
    min_norm_weights,
    next_quality,
    softmax_weights,
)

LOSSES = torch.tensor([0.5, 2.0, 1.0])


def test_softmax():
    weights = torch.exp(LOSSES / 0.7)
    torch.testing.assert_close(softmax_weights(LOSSES, temperature=0.7), weights / weights.sum())


def test_quality_follows_the_fall_of_the_losses():
    quality = next_quality(torch.tensor([0.0, 1.0, 0.0]), LOSSES, LOSSES + 2.0, alpha=0.25)
    torch.testing.assert_close(quality, torch.tensor([0.5, 1.25, 0.5]))


def test_hyper_volume_is_the_gradient_of_the_volume():
    losses = LOSSES.clone().requires_grad_()
    volume = -torch.log(1.5 * LOSSES.max() - losses).sum()
    (expected,) = torch.autograd.grad(volume, losses)
    torch.testing.assert_close(hyper_volume_weights(LOSSES, delta=1.5), expected)


def test_dropout_leaves_out_its_rate_and_never_all():
    draw = generator("dropout")
    kept = torch.stack([kept_tasks(4, rate=0.25, draw=draw) for _ in range(2000)])
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert kept.mean().item() == pytest.approx(0.75, abs=0.02)
    assert torch.stack([kept_tasks(2, rate=0.999, draw=draw) for _ in range(50)]).sum(1).eq(1).all()


def test_two_gradients_have_the_known_solution():
    """Sener and Koltun 2018, Sec. 3.3: clip((g2 - g1) . g2 / |g1 - g2|^2, 0, 1)."""
    for seed in range(20):
        a, b = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.7
        b = b * 2
        expected = (((b - a) @ b) / (a - b).square().sum()).clamp(0, 1)
        weights = min_norm_weights(torch.stack([a, b]) @ torch.stack([a, b]).T)
        torch.testing.assert_close(weights, torch.stack([expected, 1 - expected]), atol=1e-6, rtol=0)


def test_the_shortest_combination_of_many_harms_no_task():
    """At the optimum every gradient has at least the squared length of the combination along it, those used exactly."""
    for seed in range(10):
        gradients = torch.randn(12, 40, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        gradients = gradients * torch.logspace(-2, 2, 12, dtype=torch.float64)[:, None] + 0.05
        weights = min_norm_weights(gradients @ gradients.T, tolerance=1e-12)
        assert weights.sum().item() == pytest.approx(1) and (weights >= 0).all()
        combined = weights @ gradients
        along = gradients @ combined
        least = combined @ combined
        assert (along >= least - 1e-6).all()
        torch.testing.assert_close(along[weights > 1e-6], least.expand(int((weights > 1e-6).sum())), atol=1e-6, rtol=0)


def test_gradients_that_are_zero_or_equal_are_no_harm():
    assert min_norm_weights(torch.zeros(3, 3)).sum() == 1
    torch.testing.assert_close(min_norm_weights(torch.ones(2, 2)).sum(), torch.tensor(1.0))
