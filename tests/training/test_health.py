from __future__ import annotations

import math

import pytest
import torch
from training_toy import ToyLoader, ToyMethod

from sonant.training import health
from sonant.training.step import StepOut


def test_spread_of_known_frames():
    torch.manual_seed(0)
    white_ND = torch.randn(20_000, 4, dtype=torch.float64)
    std, rank = health._std_and_rank(white_ND)
    assert std == pytest.approx(1, abs=0.01) and rank == pytest.approx(4, abs=0.01)
    std, rank = health._std_and_rank(white_ND[:, :1] * torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert rank == pytest.approx(1, abs=0.01)
    std, _ = health._std_and_rank(white_ND * 1e-6 + 5)
    assert std == pytest.approx(2e-7, rel=0.01)


def test_spread_leaves_out_padding_and_names_layers():
    batch, method = ToyLoader().batch(0), ToyMethod()
    figures = health.spread(method.representation().eval(), batch)
    assert figures.keys() == {"z_std", "z_rank", "c_std", "c_rank"}
    frames = method.encoder(batch.frames())
    real_ND = torch.cat(frames.unpad()).detach().double()
    assert (figures["z_std"], figures["z_rank"]) == pytest.approx(health._std_and_rank(real_ND))


def test_collapse_is_said_of_the_layer_that_did():
    dims = {"z": 100, "c": 100}
    assert health.collapse({"z_std": 0.9, "z_rank": 30.0, "c_std": 0.5, "c_rank": 5.0}, dims=dims, share=0.01) == ""
    assert "frames of z are nearly all equal" in health.collapse({"z_std": 1e-5}, dims=dims, share=0.01)
    low = health.collapse({"z_std": 0.9, "z_rank": 30.0, "c_std": 0.5, "c_rank": 5.0}, dims=dims, share=0.1)
    assert low == "the frames of c use 5.0 of 100 directions"
    assert health.collapse({}, dims=dims, share=0.1) == ""


def test_the_gradient_is_blamed_only_when_the_losses_are_finite():
    method, batch = ToyMethod(), ToyLoader().batch(4)
    for parameter in method.parameters():
        parameter.grad = torch.zeros_like(parameter)
    method.head.bias.grad[0] = math.inf

    def out(loss: float, own: float) -> StepOut:
        return StepOut(loss, {}, math.inf, 1.0, False, 0.0, (own,))

    told = health.find_not_finite(out(1.0, 1.0), [batch], method)
    assert told.startswith("the gradient is not finite in head.bias; batch: utterance-4-0, ")
    assert health.find_not_finite(out(math.nan, math.nan), [batch], method).startswith("the loss is not finite")
    assert health.find_not_finite(out(math.nan, 1.0), [batch], method) == ""


def test_vectors_that_are_all_alike_are_told():
    told = health.collapse({"embedding_std": 1e-4, "embedding_rank": 3.0}, dims={"embedding": 7}, share=0.1)
    assert told.startswith("the vectors of utterances are nearly all equal")
    told = health.collapse({"embedding_std": 0.5, "embedding_rank": 1.1}, dims={"embedding": 64}, share=0.1)
    assert told == "the vectors of utterances use 1.1 of 64 directions"
