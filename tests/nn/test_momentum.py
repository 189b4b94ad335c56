from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sonant.core import SonantError
from sonant.nn.momentum import MomentumCopy, check_momentum, cosine_momentum


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_follow_and_statistics_are_its_own():
    student = network()
    copy = MomentumCopy(net=student)
    assert not any(p.requires_grad for p in copy.parameters()) and all(p.requires_grad for p in student.parameters())
    before = [p.clone() for p in copy.parameters()]
    with torch.no_grad():
        for p in student.parameters():
            p.add_(1.0)
    student(torch.randn(8, 3))
    copy.follow(0.9, net=student)
    for old, new, target in zip(before, copy.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * target)
    assert torch.equal(copy["net"][1].running_mean, torch.zeros(4))
    copy["net"](torch.randn(8, 3))
    assert copy["net"][1].running_mean.abs().sum() > 0
    assert copy.eval()["net"][1].training is False


def test_begins_once_as_the_original_even_after_a_restart():
    student = network()
    copy, again = MomentumCopy(net=student), MomentumCopy(net=student)
    nn.init.ones_(student[0].weight)
    copy.begin(net=student)
    assert torch.equal(copy["net"][0].weight, torch.ones(4, 3))
    again.load_state_dict(copy.state_dict())
    nn.init.zeros_(student[0].weight)
    for one in (copy, again):
        one.begin(net=student)
        assert torch.equal(one["net"][0].weight, torch.ones(4, 3))


def test_schedule_is_sslsv_s(oracle_dir):
    values = load_file(oracle_dir / "speaker" / "losses.safetensors")["schedule.tau_0.996_to_1_steps0..1000by50_of1000"]
    for step, value in zip(range(0, 1001, 50), values.tolist(), strict=True):
        assert cosine_momentum(step, 1000, start=0.996) == pytest.approx(value, abs=1e-12)
    assert cosine_momentum(2000, 1000, start=0.996, end=0.999) == 0.999


def test_a_momentum_that_falls_is_refused():
    with pytest.raises(SonantError, match="not fall, got 0.9 to 0.5"):
        check_momentum("dino", 0.9, 0.5)
