from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.methods.unit_lm import Config

K = 6
BODY = {
    "features": {"name": "arrays", "dim": K, "rate": 50},
    "encoder": {"name": "mlp", "dim": 8, "activation": "none", "bias": False},
    "context": {"name": "gru", "dim": 12},
    "method": "unit_lm",
}


def method(**changes):
    torch.manual_seed(0)
    return build.method_of(build.resolve({**BODY, **changes}))


def batch(*sequences):
    lengths_B = torch.tensor([len(sequence) for sequence in sequences])
    x_BTK = torch.zeros(len(sequences), int(lengths_B.max()), K)
    for row_TK, sequence in zip(x_BTK, sequences, strict=True):
        row_TK[: len(sequence)] = F.one_hot(torch.tensor(sequence), K).float()
    return Batch(x_BTK, lengths_B, 16000, geometry=FrameGeometry(16000, hop=320, window=320))


def test_the_loss_is_that_of_next_units_one_by_one():
    model, sequences = method(), ([1, 5, 2, 2], [0, 3])
    table_KD, costs = model.encoder.local.linears[0].weight.T, []
    for sequence in sequences:
        state = None
        for unit, after in zip(sequence[:-1], sequence[1:], strict=True):
            h, state = model.context.rnns[0](table_KD[unit][None, None], state)
            costs.append(F.cross_entropy(model.predict(h[0, 0]), torch.tensor(after)))
    out = model.loss(batch(*sequences))
    torch.testing.assert_close(out.total, torch.stack(costs).mean())
    assert out.count == 4


def test_it_learns_a_wheel_of_units():
    model = method()
    example = batch([i % K for i in range(40)], [(i + 3) % K for i in range(33)])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    assert model.loss(example).total.item() == pytest.approx(math.log(K), rel=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(example).total.backward()
        optimiser.step()
    out = model.loss(example)
    assert out.total < 0.1
    assert out.parts["accuracy"] == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context": {"name": "self_attention", "dim": 8, "heads": 2}}, "looks ahead"),
        ({"features": {"name": "logmel"}, "encoder": {"name": "conv_blocks", "dim": 8}}, "a frame for each unit"),
        ({"features": None, "encoder": {"name": "cpc_conv", "dim": 8}}, "features"),
    ],
)
def test_bodies_that_it_refuses(changes, said):
    with pytest.raises(SonantError, match=said):
        method(**changes)


def test_smoothing_must_be_a_part():
    with pytest.raises(SonantError, match="smoothing"):
        Config(smoothing=1.0)
