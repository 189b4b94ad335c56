from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_toy import ToyLoader, ToyMethod

from sonant.core import Batch, LossOut, SonantError, seed_everything
from sonant.training.step import gradients


def step_of(batches: list[Batch], *, precision: str = "fp32", scale: bool = False):
    seed_everything(1)
    toy = ToyMethod()
    out = gradients(
        toy,
        batches,
        optimizer=torch.optim.SGD(toy.parameters(), lr=0.1),
        scaler=torch.amp.GradScaler("cpu", enabled=scale),
        precision=precision,
        audio_seconds=2.0,
    )
    return out, {name: p.grad for name, p in toy.named_parameters()}


def rows(batch: Batch, start: int, stop: int) -> Batch:
    part = slice(start, stop)
    return replace(
        batch,
        wave_BL=batch.wave_BL[part],
        lengths_B=batch.lengths_B[part],
        ids=batch.ids[part],
        seeds=batch.seeds[part],
    )


def test_one_batch_is_plain_backward_to_the_bit():
    batch = ToyLoader().batch(0)
    out, grads = step_of([batch])
    seed_everything(1)
    toy = ToyMethod()
    loss = toy.loss(batch).total
    loss.backward()
    assert out.loss == pytest.approx(float(loss.detach()), rel=1e-12) and out.audio_seconds == 2.0
    assert all(torch.equal(p.grad, grads[name]) for name, p in toy.named_parameters())


@pytest.mark.parametrize("cuts", [(0, 1, 4), (0, 2, 3, 4), (0, 3, 4)])
def test_accumulated_uneven_parts_equal_the_whole(cuts):
    batch = ToyLoader().batch(0)
    whole, grads = step_of([batch])
    parts = [rows(batch, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    out, accumulated = step_of(parts)
    assert out.loss == pytest.approx(whole.loss, abs=1e-6) and out.parts == pytest.approx(whole.parts, abs=1e-6)
    assert out.grad_norm == pytest.approx(whole.grad_norm, abs=1e-6) and len(out.losses) == len(parts)
    for name, grad in grads.items():
        torch.testing.assert_close(accumulated[name], grad, atol=1e-6, rtol=1e-5)


def test_low_precision_stays_close_and_the_scaler_leaves_no_trace():
    batch = ToyLoader().batch(0)
    _, exact = step_of([batch])
    for precision, scale in (("bf16", False), ("fp16", True)):
        _, grads = step_of([batch], precision=precision, scale=scale)
        for name, grad in exact.items():
            torch.testing.assert_close(grads[name], grad, atol=0.02, rtol=0.1)


def test_parts_must_not_change_within_a_step():
    class Fickle(ToyMethod):
        def loss(self, batch: Batch) -> LossOut:
            out = super().loss(batch)
            return replace(out, parts={batch.ids[0]: out.total.detach()})

    toy, loader = Fickle(), ToyLoader()
    with pytest.raises(SonantError, match="same parts"):
        gradients(
            toy,
            [loader.batch(0), loader.batch(1)],
            optimizer=torch.optim.SGD(toy.parameters(), lr=0.1),
            scaler=torch.amp.GradScaler("cpu", enabled=False),
            precision="fp32",
        )
