from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.core import SonantError
from sonant.training.config import OptimConfig
from sonant.training.optim import build_optimizer, load_optimizer, parameter_groups, set_lr


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))


def test_vectors_do_not_decay():
    decayed, kept = parameter_groups(model(), weight_decay=0.1)
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3), (1, 4)]
    assert {p.dim() for p in kept["params"]} == {1} and kept["weight_decay"] == 0


def test_frozen_weights_are_left_out_and_nothing_to_train_is_refused():
    frozen = model()
    frozen[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(frozen, weight_decay=0.0)) == 4
    with pytest.raises(SonantError, match="nothing to train"):
        parameter_groups(frozen.requires_grad_(False), weight_decay=0.0)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_equal_those_of_the_plain_optimiser(name):
    """The fused kernels against torch's loop over weights."""
    cfg = OptimConfig(name=name, lr=0.01, weight_decay=0.1, betas=(0.8, 0.9), eps=1e-6, momentum=0.5)
    ours, theirs = model(), model()
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    groups = parameter_groups(theirs, weight_decay=0.1)
    if name == "sgd":
        plain = torch.optim.SGD(groups, lr=0.01, momentum=0.5, foreach=False)
    else:
        plain = kinds[name](groups, lr=0.01, betas=(0.8, 0.9), eps=1e-6, foreach=False)
    optimizer = build_optimizer(ours, cfg)
    for step in range(3):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        for module, one in ((ours, optimizer), (theirs, plain)):
            one.zero_grad()
            module(x).square().mean().backward()
            one.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_loading_takes_moments_and_keeps_present_settings():
    net = model()
    saved = build_optimizer(net, OptimConfig(lr=0.1))
    net(torch.ones(2, 3)).sum().backward()
    saved.step()
    fresh = build_optimizer(net, OptimConfig(lr=0.5, betas=(0.5, 0.6)))
    load_optimizer(fresh, saved.state_dict())
    first = next(net.parameters())
    assert torch.equal(fresh.state[first]["exp_avg"], saved.state[first]["exp_avg"])
    assert fresh.param_groups[0]["lr"] == 0.5 and fresh.param_groups[0]["betas"] == (0.5, 0.6)
    with pytest.raises(SonantError, match="other groups of weights"):
        load_optimizer(build_optimizer(net, OptimConfig(weight_decay=0.1)), saved.state_dict())


def test_set_lr_reaches_every_group():
    optimizer = build_optimizer(model(), OptimConfig(weight_decay=0.1))
    set_lr(optimizer, 0.3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.3, 0.3]
