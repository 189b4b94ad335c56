from __future__ import annotations

import pytest
import torch
from training_toy import ToyLoader, ToyMethod

from sonant.training.config import TrainConfig
from sonant.training.validation import validate


def test_the_same_each_time_whatever_was_drawn_before_and_weighted_by_terms():
    method, loader, cpu = ToyMethod(dropout=0.5), ToyLoader(seed=2), torch.device("cpu")
    first, batch = validate(method, loader, train=TrainConfig(), device=cpu)
    torch.rand(7)
    again, _ = validate(method, loader, train=TrainConfig(), device=cpu)
    assert first == again and method.training and batch.ids == loader.batch(0).ids
    outs = [method.eval().loss(loader.batch(step)) for step in range(loader.steps_per_epoch)]
    terms = [float(out.count) for out in outs]
    mean = sum(float(out.total.detach()) * n for out, n in zip(outs, terms, strict=True)) / sum(terms)
    assert first["loss"] == pytest.approx(mean, rel=1e-6) and first["error"] == pytest.approx(2 * mean, rel=1e-6)


def test_fewer_batches_when_asked():
    method, loader, cpu = ToyMethod(), ToyLoader(seed=2), torch.device("cpu")
    figures, _ = validate(method, loader, train=TrainConfig(valid_steps=1), device=cpu)
    assert figures["loss"] == pytest.approx(float(method.eval().loss(loader.batch(0)).total.detach()), rel=1e-6)
