from __future__ import annotations

import math

import pytest

from sonant.training.config import OptimConfig
from sonant.training.schedules import factor


def at(step: int, total: int = 100, **settings) -> float:
    return factor(OptimConfig(**settings), step=step, total=total)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "poly", "inverse_sqrt", "halving"])
def test_warm_up_rises_linearly_to_one(schedule):
    rise = [at(step, schedule=schedule, warmup_steps=4) for step in range(5)]
    assert rise == pytest.approx(
        [0.25, 0.5, 0.75, 1.0, 1.0], abs=1e-2 if schedule == "poly" else 1e-3 if schedule != "constant" else 0
    )


def test_schedules_by_hand():
    assert [at(step, schedule="linear") for step in (0, 50, 75)] == pytest.approx([1, 0.5, 0.25])
    assert at(50, schedule="linear", final_lr_fraction=0.2) == pytest.approx(0.6)
    assert at(25, schedule="cosine") == pytest.approx(0.5 + 0.5 * math.cos(math.pi / 4))
    assert at(100, schedule="cosine", final_lr_fraction=0.1) == pytest.approx(0.1)
    assert [at(step, schedule="halving", halve_every=10) for step in (9, 10, 29)] == [1, 0.5, 0.25]
    assert at(29, schedule="halving", halve_every=10, decay_factor=0.1) == pytest.approx(0.01)
    assert [at(step, schedule="poly") for step in (0, 50, 100)] == pytest.approx([1, 0.5**0.9, 0])
    assert at(75, schedule="poly", power=2.0, final_lr_fraction=0.2) == pytest.approx(0.2 + 0.8 / 16)
    assert at(10 + 30, schedule="inverse_sqrt", warmup_steps=10) == pytest.approx(0.5)
    assert at(99, schedule="constant") == 1


def test_progress_can_follow_something_else_than_steps():
    optim = OptimConfig(schedule="linear", warmup_steps=10)
    assert factor(optim, step=10**6, total=10, progress=0.25) == 0.75
    assert factor(optim, step=4, total=10, progress=0.0) == 0.5
    assert factor(optim, step=10**6, total=10, progress=7.0) == 0.0
