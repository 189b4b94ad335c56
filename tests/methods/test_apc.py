from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, Frames, SonantError
from sonant.encoders import identity as plain
from sonant.encoders import mlp
from sonant.methods import apc

D = 4


def made(shift=2, context=None) -> apc.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=FrameGeometry(16000), in_dim=1)
    context = context or gru.Context(gru.Config(dim=D), source=encoder.geometry, in_dim=1)
    return apc.Method(apc.Config(shift=shift), encoder=encoder, context=context)


def batch(lengths=(9, 6, 2)) -> Batch:
    wave = torch.randn(len(lengths), max(lengths), generator=torch.Generator().manual_seed(0))
    return Batch(wave, torch.tensor(lengths), 16000)


def test_loss_is_the_mean_absolute_error_over_real_frames():
    method, examples = made(), batch()
    x = examples.frames()
    y_BTD = method.predict(method.context(x).x_BTD)
    errors = [(x.x_BTD[b, t + 2] - y_BTD[b, t]).abs() for b, n in enumerate(x.lengths_B.tolist()) for t in range(n - 2)]
    out = method(examples)
    torch.testing.assert_close(out.total, torch.cat(errors).mean())
    assert int(out.count) == 7 + 4


def test_start_is_near_the_mean_absolute_feature():
    """A prediction of zero scores mean |x|, which for standard normal features is 0.8."""
    method, examples = made(shift=1), batch((4000,))
    nn.init.zeros_(method.predict.weight)
    nn.init.zeros_(method.predict.bias)
    assert method(examples).total.item() == pytest.approx(examples.wave_BL[:, 1:].abs().mean().item(), rel=1e-5)
    assert method(examples).total.item() == pytest.approx(0.8, abs=0.03)
    assert method.chance() is None


def test_halves_weighted_by_count_are_the_whole():
    method, whole = made(), batch()
    first = Batch(whole.wave_BL[:1], whole.lengths_B[:1], 16000)
    rest = Batch(whole.wave_BL[1:], whole.lengths_B[1:], 16000)
    parts = [method(first), method(rest)]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(whole).total)


def test_what_cannot_be_learnt_is_refused():
    source = FrameGeometry(16000)
    encoder = mlp.Encoder(mlp.Config(dim=D), source=source, in_dim=1)
    context = identity.Context(identity.Config(), source=source, in_dim=D)
    with pytest.raises(SonantError, match="encoder: identity"):
        apc.Method(apc.Config(), encoder=encoder, context=context)
    apc.Method(apc.Config(), encoder=encoder.requires_grad_(False), context=context)
    context.future = None
    with pytest.raises(SonantError, match="looks ahead"):
        made(context=context)
    with pytest.raises(SonantError, match="shift"):
        apc.Config(shift=0)
    with pytest.raises(SonantError, match="the longest example has 2"):
        made()(batch((2, 1)))


def test_paper_architecture_has_its_layers():
    """Three residual GRU layers of 512 on 80 features (Chung et al. 2019)."""
    source = FrameGeometry(16000, hop=160, window=400)
    context = gru.Context(gru.Config(dim=512, layers=3, residual=True), source=source, in_dim=80)
    x = Frames(torch.randn(1, 4, 80), torch.tensor([4]), source)
    last, inner = context.forward_layers(x)
    assert tuple(inner) == ("layer_1", "layer_2")
    torch.testing.assert_close(last.x_BTD, context.rnns[2](inner["layer_2"].x_BTD)[0] + inner["layer_2"].x_BTD)
