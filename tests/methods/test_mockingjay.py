from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from sonant import build
from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.encoders import identity as plain
from sonant.encoders import mlp
from sonant.methods import mockingjay

D = 6
SOURCE = FrameGeometry(16000, hop=160, window=400)


def made(context=None, **settings) -> mockingjay.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=SOURCE, in_dim=D)
    context = context or gru.Context(gru.Config(dim=8), source=SOURCE, in_dim=D)
    return mockingjay.Method(mockingjay.Config(**settings), encoder=encoder, context=context)


def batch(lengths=(90, 60, 30), *, first=0) -> Batch:
    """Frames that were computed before; ``first``: place in a longer batch."""
    g = torch.Generator().manual_seed(0)
    x_BTD = torch.randn(first + len(lengths), 100, D, generator=g)[first:, : max(lengths)]
    seeds = tuple(range(40 + first, 40 + first + len(lengths)))
    return Batch(x_BTD, torch.tensor(lengths), 16000, seeds=seeds, geometry=SOURCE)


def test_loss_is_the_error_over_the_blocks_of_a_context_that_cannot_see_them():
    method, examples = made(zero=1.0, swap=0.0), batch()
    heard = []
    method.context.register_forward_hook(lambda module, inputs, output: heard.append(inputs[0].x_BTD))
    out = method(examples)
    x = examples.frames()
    hidden = (heard[0] == 0).all(-1) & x.mask_BT
    assert hidden.any(1).all()
    y = method.head(method.context(x.with_x(heard[0])).x_BTD)
    torch.testing.assert_close(out.total, (y - x.x_BTD)[hidden].abs().mean())
    assert int(out.count) == int(hidden.sum()) * D


def test_start_is_near_the_mean_absolute_feature():
    """A prediction of zero scores mean |x|, which for standard normal features is 0.8, and mean x^2, which is 1."""
    examples = batch((100,) * 40)
    absolute, square = made(), made(norm="square")
    for method in (absolute, square):
        nn.init.zeros_(method.head.out.weight)
    assert absolute(examples).total.item() == pytest.approx(0.8, abs=0.04)
    assert square(examples).total.item() == pytest.approx(1.0, abs=0.08)
    assert absolute.chance() is None


def test_halves_weighted_by_count_are_the_whole():
    method = made()
    parts = [method(batch((90,))), method(batch((60, 30), first=1))]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(batch()).total)


def test_the_seed_of_an_example_decides():
    method, examples = made(), batch()
    assert method(examples).total == method(examples).total
    other = replace(examples, seeds=(1, 2, 3))
    assert method(examples).total != method(other).total


def test_audio_albert_is_mockingjay_with_shared_layers():
    run = build.resolve("audio-albert", [("context.dim", "16"), ("context.heads", "2"), ("context.ff", "16")])
    method = build.method_of(run)
    assert run.method.name == "mockingjay"
    assert len(method.context.stack) == 1
    assert method.context.layers == ("layer_0", "layer_1", "layer_2")


def test_features_may_have_deltas():
    run = build.resolve("mockingjay", [("context.dim", "16"), ("context.heads", "2"), ("context.ff", "16")])
    assert build.method_of(run).head.out.out_features == 240


def test_what_cannot_be_learnt_is_refused():
    encoder = mlp.Encoder(mlp.Config(dim=D), source=SOURCE, in_dim=D)
    context = identity.Context(identity.Config(), source=SOURCE, in_dim=D)
    with pytest.raises(SonantError, match="encoder: identity"):
        mockingjay.Method(mockingjay.Config(), encoder=encoder, context=context)
    with pytest.raises(SonantError, match="longest example has 20.*lengthen"):
        made()(batch((20, 10)))
    for settings in ({"share": 0.0}, {"width": 0}, {"zero": 0.9, "swap": 0.2}, {"swap": -0.1}):
        with pytest.raises(SonantError, match=next(iter(settings))):
            mockingjay.Config(**settings)
