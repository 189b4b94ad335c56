from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.training.average import WeightAverage


def test_it_follows_by_hand():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(net[0].weight, 0.0)
    average = WeightAverage(net, decay=0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 2.0, 3.0), start=1):
        nn.init.constant_(net[0].weight, value)
        net[1].running_mean.fill_(value)
        average.update(net, step=step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert float(average.method[0].weight.detach()) == pytest.approx(expected)
    assert float(average.method[1].running_mean) == 3.0
    assert not average.method.training and not any(p.requires_grad for p in average.method.parameters())
    assert torch.is_grad_enabled() and net.training and net[0].weight.requires_grad
