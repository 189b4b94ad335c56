from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file
from test_against_sslsv import projector
from view_parts import small, views

from sonant import build
from sonant.core import Batch, SonantError
from sonant.methods import dino
from sonant.training.warm_start import BODY

SMALL = {"outputs": 12, "hidden": 8, "bottleneck": 6}


def method(**settings):
    return small("dino", **{**SMALL, **settings})


def test_with_the_weights_of_sslsv_it_gives_its_loss_and_its_centre(oracle_dir):
    folder = oracle_dir / "speaker"
    path = folder / "sslsv_method_dino.safetensors"
    tensors, known = load_file(path), load_file(folder / "encoders_io.safetensors")
    loss = json.loads((folder / "encoders_meta.json").read_text())["encoders"]
    bodies = {name: build.convert("sslsv", path, {"body": name}) for name in ("encoder", "encoder_momentum")}
    parts = {name: getattr(bodies["encoder"], name) for name in ("encoder", "context", "embedding")}
    made = dino.Method(dino.Config(outputs=128, hidden=96, bottleneck=24), **parts)
    for name, head in (("head", made.head), ("head_momentum", made.teacher["head"])):
        head.mlp.load_state_dict(projector(tensors, f"{name}.mlp"))
        head.last.weight.data.copy_(tensors[f"{name}.last_layer.weight_v"])
    for name in parts:
        made.teacher[name].load_state_dict(getattr(bodies["encoder_momentum"], name).state_dict())
    made.teacher.begun.fill_(True)
    made.centre_K.copy_(tensors["loss_fn.center"][0])
    x_BVL = known["sslsv_method_dino.train_x"]
    extras = {"views": x_BVL[:, :2], "local_views": x_BVL[:, 2:, :8000]}
    batch = Batch(x_BVL[:, 0], torch.full((6,), 16000), 16000, extras=extras)
    made.eval().training = True  # batch norms as in evaluation, the centre as in training
    assert made(batch).total.item() == pytest.approx(loss["sslsv_method_dino.eval_mode_train_step_loss"], rel=1e-5)
    after = known["sslsv_method_dino.center_after"][0]
    torch.testing.assert_close(made.centre_K, after, atol=1e-5, rtol=1e-4)
    embed = made.representation().eval().embed
    with torch.no_grad():
        found = embed(known["wave_a"])
    torch.testing.assert_close(found, known["sslsv_method_dino.embedding_of_wave_a"], atol=1e-4, rtol=1e-3)


def test_the_teacher_follows_and_is_what_is_kept():
    made = method(momentum=0.5)
    with torch.no_grad():
        made.embedding.linear.weight.add_(1.0)
    before = made.teacher["embedding"].linear.weight.clone()
    made.after_step(0, 10)
    after = made.representation().embedding.linear.weight
    torch.testing.assert_close(after, (before + made.embedding.linear.weight) / 2)
    made.after_step(10, 10)
    assert torch.equal(made.teacher["embedding"].linear.weight, after)


def test_only_the_student_learns_and_the_last_layer_waits():
    made = method(frozen_steps=3)
    for step, waits in ((0, True), (2, True), (3, False)):
        made.step.fill_(step)
        made.zero_grad()
        made(views()).total.backward()
        assert (made.head.last.weight.grad.abs().sum() == 0) == waits
    assert all(p.grad is None for p in made.teacher.parameters())


def test_the_teacher_begins_with_the_weights_that_training_starts_from():
    made = method()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.startswith(BODY):
                weight.mul_(0.5)
    made(views())
    assert torch.equal(made.teacher["embedding"].linear.weight, made.embedding.linear.weight)


def test_short_crops_are_seen_by_the_student_only():
    made = method()
    local = 0.3 * torch.randn(4, 3, 2000)
    student, teacher = made.embed(views(local_views=local))
    assert student.shape == (4, 5, 8) and teacher.shape == (4, 2, 8)


def test_looking_moves_nothing():
    made = method()
    before = made.centre_K.clone()
    with torch.no_grad():
        made(views())
    made.eval()(views())
    assert torch.equal(made.centre_K, before)
    made.train()(views())
    assert not torch.equal(made.centre_K, before)


def test_the_teacher_s_temperature_warms_up():
    made = method(teacher_temperature_start=0.04, teacher_temperature=0.07, warmup_steps=4)
    assert [round(made.teacher_temperature(step), 4) for step in (0, 1, 3, 9)] == [0.04, 0.05, 0.07, 0.07]


def test_settings_that_make_no_sense_are_told():
    with pytest.raises(SonantError, match="temperatures must be above 0"):
        dino.Config(student_temperature=0.0)
    with pytest.raises(SonantError, match="views of the same utterance"):
        method()(views(count=1))
