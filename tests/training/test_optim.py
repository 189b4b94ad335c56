from __future__ import annotations

import pytest
import torch
from torch import nn
from training_toy import ToyMethod

from sonant.build import method_of, resolve
from sonant.core import SonantError
from sonant.training.config import OptimConfig
from sonant.training.optim import build_optimizer, load_optimizer, parameter_groups, rates, scale_lr
from sonant.training.parts import body_parts


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))


def test_vectors_do_not_decay():
    decayed, kept = parameter_groups(model(), OptimConfig(weight_decay=0.1))
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3), (1, 4)]
    assert {p.dim() for p in kept["params"]} == {1} and kept["weight_decay"] == 0


def test_frozen_weights_are_left_out_and_nothing_to_train_is_refused():
    frozen = model()
    frozen[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(frozen, OptimConfig())) == 4
    with pytest.raises(SonantError, match="nothing to train"):
        parameter_groups(frozen.requires_grad_(False), OptimConfig())


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_equal_those_of_the_plain_optimiser(name):
    """The fused kernels against torch's loop over weights."""
    cfg = OptimConfig(name=name, lr=0.01, weight_decay=0.1, betas=(0.8, 0.9), eps=1e-6, momentum=0.5)
    ours, theirs = model(), model()
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    groups = parameter_groups(theirs, cfg)
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


def test_a_body_learns_at_its_own_rate():
    """Four groups: body and heads, with and without decay. What both share is the body's, once."""
    toy = ToyMethod()
    toy.tied = nn.ModuleList([toy.encoder.linear, nn.Linear(2, 2)])  # a head that uses a weight of the encoder again
    cfg = OptimConfig(lr=0.1, encoder_lr=0.01, weight_decay=0.5)
    groups = parameter_groups(toy, cfg)
    found = [(group["initial_lr"], group["weight_decay"], len(group["params"])) for group in groups]
    assert found == [(0.01, 0.5, 3), (0.01, 0.0, 3), (0.1, 0.5, 2), (0.1, 0.0, 2)]
    ids = [id(p) for group in groups for p in group["params"]]
    assert len(set(ids)) == len(ids) == len(list(toy.parameters()))
    optimizer = build_optimizer(toy, cfg)
    scale_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.005, 0.005, 0.05, 0.05]
    assert rates(cfg, 0.5) == {"lr": 0.05, "encoder_lr": 0.005}
    assert rates(OptimConfig(lr=0.1), 0.5) == {"lr": 0.05}


def test_features_and_embedding_are_the_body_too():
    body = {"features": {"name": "logmel", "n_mels": 8}, "encoder": {"name": "mlp"}, "context": {"name": "gru"}}
    cpc = method_of(resolve({**body, "method": {"name": "cpc"}}))
    parts = body_parts(cpc)
    assert list(parts) == ["encoder", "features", "context"]
    assert parts["encoder"] is cpc.encoder.local and parts["features"] is cpc.encoder.features
    views = {**body, "embedding": {"pool": "mean", "dim": 4}, "method": {"name": "simclr"}, "data": {"view": "crops"}}
    assert "embedding" in body_parts(method_of(resolve(views)))
