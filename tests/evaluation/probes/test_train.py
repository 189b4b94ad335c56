"""What all trained probes share: held-out parts, frozen and learning encoders, layer weights, the best step."""

from __future__ import annotations

import copy

import pytest
import torch

from sonant import build
from sonant.core import SonantError
from sonant.evaluation.probes import phone, speaker
from sonant.evaluation.probes._train import _sets


def changed(before: dict, model) -> bool:
    return any(not torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_frozen_encoder_stays_and_layer_weights_are_told(small, train, test):
    before, state = copy.deepcopy(small.state_dict()), torch.get_rng_state()
    found = phone.Task(phone.Config(steps=20)).run(small, train, test)
    assert not changed(before, small)
    assert torch.equal(state, torch.get_rng_state())
    assert list(found.layers) == ["z", "layer_1", "c"]
    assert sum(found.layers.values()) == pytest.approx(1.0)
    assert len(set(found.layers.values())) == 3
    assert found.counts["cached"]


def test_an_encoder_learns_at_its_own_rate(small, train, test):
    before = copy.deepcopy(small.state_dict())
    cfg = phone.Config(steps=15, encoder_lr=1e-3, eval_every=5, lr=1e-2)
    found = phone.Task(cfg).run(small, train, test)
    assert changed(before, small)
    assert not small.training
    assert not found.counts["cached"]
    assert found.figures["accuracy"] > found.counts["chance"]


def test_batch_normalisation_follows_only_an_encoder_that_learns(train, test):
    torch.manual_seed(0)
    plain = {"encoder": {"name": "cpc_conv", "dim": 8, "norm": "batch"}, "context": {"name": "identity"}, "layer": "z"}
    model = build.representation_of({"sample_rate": 16000, **plain}).eval()
    statistics = {name: value for name, value in model.state_dict().items() if "running_" in name}
    before = copy.deepcopy(statistics)
    assert statistics
    for encoder_lr in (None, 1e-3):
        cfg = speaker.Config(steps=2, batch_size=4, crop_seconds=0.4, hold_out=0.0, encoder_lr=encoder_lr)
        speaker.Task(cfg).run(model, train, test)
        moved = [not torch.equal(value, before[name]) for name, value in statistics.items()]
        assert all(moved) if encoder_lr else not any(moved)


def test_a_model_without_weights_is_not_fine_tuned(logmel, train, test):
    with pytest.raises(SonantError, match="no weights that could be fine-tuned"):
        phone.Task(phone.Config(steps=1, encoder_lr=1e-3)).run(logmel, train, test)


def test_what_does_not_fit_in_memory_is_made_anew_with_the_same_result(small, train, test):
    found = [phone.Task(phone.Config(steps=6, cache_gb=gb)).run(small, train, test) for gb in (4.0, 0.0)]
    assert [one.counts["cached"] for one in found] == [True, False]
    assert found[0].figures["accuracy"] == pytest.approx(found[1].figures["accuracy"], abs=0.01)
    assert found[0].layers == pytest.approx(found[1].layers, abs=1e-4)


@pytest.mark.parametrize("normalise", ["layer", "none"])
def test_other_normalisations_run(small, train, test, normalise):
    assert phone.Task(phone.Config(steps=3, normalise=normalise)).run(small, train, test).figures["accuracy"] > 0


def test_the_best_step_is_kept(logmel, train, test):
    cfg = phone.Config(steps=60, eval_every=1, patience=3, lr=3.0)  # so fast that it wanders
    found = phone.Task(cfg).run(logmel, train, test)
    assert found.counts["best_step"] + 3 == found.counts["steps"] < 60


def test_held_out_speakers_are_not_trained_on(train, test):
    sets = _sets(phone.Task(phone.Config(hold_out=0.3)), train, test, 0)
    speakers = [{example.utterance.speaker for example in part} for part in (sets.train, sets.held)]
    assert not speakers[0] & speakers[1]
    assert len(sets.train) + len(sets.held) == len(train)


def test_every_class_stays_in_training(train, test):
    sets = _sets(speaker.Task(speaker.Config(hold_out=0.9)), train, test, 0)
    assert {example.label for example in sets.train} == {(name,) for name in train.speakers}
    assert sets.held


def test_layers_that_cannot_be_summed_are_refused(train, test):
    config = {
        "sample_rate": 16000,
        "features": {"name": "logmel", "n_mels": 20},
        "encoder": {"name": "identity"},
        "context": {"name": "gru", "dim": 16},
    }
    with pytest.raises(SonantError, match="differ in size"):
        phone.Task(phone.Config(layer="z,c")).run(build.representation_of(config), train, test)


def test_settings_are_checked():
    with pytest.raises(SonantError, match="steps of a probe must be at least 1"):
        phone.Config(steps=0)
    with pytest.raises(SonantError, match="hold_out"):
        phone.Config(hold_out=1.0)
