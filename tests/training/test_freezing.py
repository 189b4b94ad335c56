"""Parts that do not learn: gradients, decay, statistics, dropout, the thaw and resuming across it."""

from __future__ import annotations

import signal

import pytest
import torch
from training_toy import ToyMethod, lines_of, signal_self, train_toy

from sonant.core import SonantError, seed_everything
from sonant.training.config import TrainConfig
from sonant.training.freezing import Freezing

BODY = ("encoder", "context")
RATES = {"name": "adamw", "weight_decay": 0.5, "encoder_lr": 3e-3}
METHOD = {"dropout": 0.3, "norm": True}


def parts(weights: dict, name: str) -> dict:
    return {key: value for key, value in weights.items() if key.startswith(f"{name}.")}


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def first_weights() -> dict:
    seed_everything(0)
    return ToyMethod(**METHOD).state_dict()


def test_what_is_frozen_stays_bit_for_bit_and_the_rest_learns(tmp_path):
    """Weights under strong decay, and the statistics of batch normalisation, through validations in between."""
    _, toy = train_toy(tmp_path, method=METHOD, optim=RATES, train={"freeze": ("encoder",)})
    before, after = first_weights(), toy.state_dict()
    assert equal(parts(before, "encoder"), parts(after, "encoder"))
    assert not equal(parts(before, "context"), parts(after, "context"))
    assert all(p.grad is None for p in toy.encoder.parameters())
    events = [line["message"] for line in lines_of(tmp_path, "event")]
    assert "encoder frozen" in events
    learning = sum(p.numel() for name, p in toy.named_parameters() if not name.startswith("encoder."))
    assert f"training {learning:,} weights" in events[0]


def test_batch_normalisation_learns_where_nothing_is_frozen(tmp_path):
    _, toy = train_toy(tmp_path, method=METHOD)
    assert not torch.equal(toy.encoder.norm.running_mean, first_weights()["encoder.norm.running_mean"])


def test_dropout_of_a_frozen_part_is_off_until_the_thaw():
    toy = ToyMethod(dropout=0.5).train()
    toy.context.gru.dropout = 0.25  # as of several layers
    frozen = Freezing(toy, TrainConfig(freeze=BODY, thaw_step=4))
    frozen.start(2)
    for step in (2, 3):
        assert not frozen.thaw_if_due(step)
        toy.train()  # as after a validation
        frozen.hold()
        assert not toy.context.dropout.training and not toy.encoder.training and toy.head.training
        assert toy.context.gru.dropout == 0
    assert frozen.thaw_if_due(4) and not frozen.thaw_if_due(5)
    assert toy.context.dropout.training and toy.context.gru.dropout == 0.25
    assert all(p.requires_grad for p in toy.parameters())


def test_a_run_resumed_before_the_thaw_at_it_and_after_it_is_the_same(tmp_path):
    settings = {"freeze": BODY, "thaw_step": 6, "checkpoint_every": 2}
    _, toy = train_toy(tmp_path / "whole", method=METHOD, optim=RATES, train=settings)
    assert not equal(parts(first_weights(), "encoder"), parts(toy.state_dict(), "encoder"))
    for stop in (3, 6, 9):
        run = tmp_path / f"{stop}"
        at = {stop - 1: signal_self(signal.SIGTERM)}
        train_toy(run, method=METHOD, optim=RATES, train=settings, loader={"at": at})
        _, again = train_toy(run, method=METHOD, optim=RATES, train=settings, resume=True)
        assert equal(toy.state_dict(), again.state_dict())
        assert [line["step"] for line in lines_of(run, "event") if line["event"] == "thawed"] == [6]
    rates = [(line["lr"], line["encoder_lr"]) for line in lines_of(tmp_path / "whole", "train")]
    assert all(slow == pytest.approx(0.3 * fast) for fast, slow in rates) and len(set(rates)) == 4


def test_settings_that_leave_nothing_to_train_or_name_what_is_not_there_are_refused():
    toy = ToyMethod()
    with pytest.raises(SonantError, match="train.freeze names embedding, and this model has only encoder, context"):
        Freezing(toy, TrainConfig(freeze=("embedding",)))
    toy.head.requires_grad_(False)
    for thaw in (None, 5):
        with pytest.raises(SonantError, match="of encoder, context leaves nothing to train"):
            Freezing(toy, TrainConfig(freeze=BODY, thaw_step=thaw))
    Freezing(toy, TrainConfig(freeze=("encoder",)))
