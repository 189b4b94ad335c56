from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from sonant.core import SonantError
from sonant.objectives.dino import dino, next_centre, warmed_up

TEMPERATURES = {"student_temperature": 0.1, "teacher_temperature": 0.04}


@pytest.fixture(scope="module")
def given(oracle_dir):
    folder = oracle_dir / "speaker"
    tensors = load_file(folder / "losses.safetensors")
    return tensors, json.loads((folder / "losses.json").read_text())["values"]


def views(x_NK, number):
    """(B, V, K) from rows that hold all utterances of the first view first."""
    return x_NK.double().unflatten(0, (number, -1)).transpose(0, 1)


def test_two_steps_and_the_centre_between_them(given):
    tensors, values = given
    student = views(tensors["dino.student"], 6).requires_grad_()
    teacher, centre_K = views(tensors["dino.teacher"], 2), torch.zeros(96, dtype=torch.float64)
    out = dino(student, teacher, centre_K, **TEMPERATURES)
    out.loss.backward()
    assert out.loss.item() == pytest.approx(values["sslsv.dino.step1(center0,tt0.04)"], rel=1e-6)
    assert out.divergence.item() == pytest.approx(values["sslsv.dino.step1.kl_div"], rel=1e-6)
    assert out.entropy.item() == pytest.approx(values["sslsv.dino.step1.teacher_h"], rel=1e-6)
    grad = student.grad.transpose(0, 1).flatten(0, 1)
    torch.testing.assert_close(grad, tensors["grad.dino.step1.student"].double(), atol=1e-7, rtol=1e-4)

    centre_K = next_centre(centre_K, teacher, momentum=0.9)
    torch.testing.assert_close(centre_K[None], tensors["dino.center_after_step1"].double(), atol=1e-6, rtol=1e-5)
    student, teacher = views(tensors["dino.student_step2"], 6), views(tensors["dino.teacher_step2"], 2)
    loss = dino(student, teacher, centre_K, **TEMPERATURES).loss
    assert loss.item() == pytest.approx(values["sslsv.dino.step2"], rel=1e-6)
    centre_K = next_centre(centre_K, teacher, momentum=0.9)
    torch.testing.assert_close(centre_K[None], tensors["dino.center_after_step2"].double(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("epoch", [5, 12])
def test_the_teacher_warms_up(given, epoch):
    tensors, values = given
    temperature = warmed_up(epoch, start=0.04, end=0.07, steps=10)
    student, teacher = views(tensors["dino.student"], 6), views(tensors["dino.teacher"], 2)
    out = dino(student, teacher, torch.zeros(96), student_temperature=0.1, teacher_temperature=temperature)
    assert out.loss.item() == pytest.approx(values[f"sslsv.dino.warmup0.04to0.07_10ep.epoch{epoch}.step1"], rel=1e-6)


def test_written_out_it_skips_pairs_of_the_same_view():
    torch.manual_seed(0)
    student, teacher, centre_K = torch.randn(3, 4, 5), torch.randn(3, 2, 5), torch.randn(5)
    terms = []
    for b in range(3):
        for g in range(2):
            for s in range(4):
                if g != s:
                    p_K = ((teacher[b, g] - centre_K) / 0.04).softmax(0)
                    terms.append(-(p_K * (student[b, s] / 0.1).log_softmax(0)).sum())
    out = dino(student, teacher, centre_K, **TEMPERATURES)
    torch.testing.assert_close(out.loss, torch.stack(terms).mean())


def test_alike_outputs_score_the_logarithm_and_no_pair_is_told():
    flat = torch.zeros(2, 2, 7)
    out = dino(flat, flat, torch.zeros(7), **TEMPERATURES)
    assert out.loss.item() == pytest.approx(math.log(7)) and out.divergence.item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(SonantError, match="at least two views"):
        dino(flat[:, :1], flat[:, :1], torch.zeros(7), **TEMPERATURES)
