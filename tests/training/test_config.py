from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.training.config import OptimConfig, TrainConfig, check_together


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (OptimConfig, {"lr": 0.0}, "optim.lr must be above 0, got 0"),
        (OptimConfig, {"encoder_lr": -1.0}, "optim.encoder_lr must be above 0, got -1"),
        (OptimConfig, {"decay_factor": 0.0}, "optim.decay_factor must be in"),
        (OptimConfig, {"power": 0.0}, "optim.power must be above 0"),
        (OptimConfig, {"betas": (0.9, 1.0)}, "optim.betas"),
        (OptimConfig, {"clip_norm": 0.0}, "optim.clip_norm"),
        (OptimConfig, {"final_lr_fraction": 1.5}, "optim.final_lr_fraction"),
        (TrainConfig, {"steps": 0}, "train.steps must be at least 1, got 0"),
        (TrainConfig, {"valid_steps": 0}, "train.valid_steps must be above 0 or null"),
        (TrainConfig, {"thaw_step": 5}, "nothing is frozen: name it in train.freeze"),
        (TrainConfig, {"thaw_step": 0, "freeze": ("encoder",)}, "train.thaw_step must be above 0"),
        (TrainConfig, {"max_cpu_minutes": 0.0}, "train.max_cpu_minutes must be above 0 or null"),
        (TrainConfig, {"ema_decay": 1.0}, "train.ema_decay"),
        (TrainConfig, {"collapse_rank": -0.1}, "train.collapse_rank"),
    ],
)
def test_values_out_of_range_are_refused_by_name(kind, wrong, message):
    with pytest.raises(SonantError, match=message):
        kind(**wrong)


def test_settings_that_contradict_are_refused():
    with pytest.raises(SonantError, match="needs train.max_minutes or train.max_cpu_minutes"):
        check_together(OptimConfig(schedule_by="minutes"), TrainConfig())
    check_together(OptimConfig(schedule_by="minutes"), TrainConfig(max_minutes=1.0))
    check_together(OptimConfig(schedule_by="minutes"), TrainConfig(max_cpu_minutes=1.0))
