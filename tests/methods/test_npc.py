from __future__ import annotations

import pytest
import torch

from sonant.contexts import identity
from sonant.contexts import npc as body
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.encoders import identity as plain
from sonant.encoders import mlp
from sonant.methods import npc

D = 6
SOURCE = FrameGeometry(16000, hop=160, window=400)


def made(**settings) -> npc.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=SOURCE, in_dim=D)
    context = body.Context(body.Config(dim=16, dropout=0.0), source=SOURCE, in_dim=D)
    return npc.Method(npc.Config(**settings), encoder=encoder, context=context)


def batch(lengths=(30, 20, 9), *, first=0) -> Batch:
    g = torch.Generator().manual_seed(0)
    x_BTD = torch.randn(first + len(lengths), 100, D, generator=g)[first:, : max(lengths)]
    seeds = tuple(range(40 + first, 40 + first + len(lengths)))
    return Batch(x_BTD, torch.tensor(lengths), 16000, seeds=seeds, geometry=SOURCE)


@pytest.mark.parametrize("settings", [{}, {"codes": None}, {"codes": None, "bottleneck": 4}])
def test_loss_is_the_mean_absolute_error_over_real_frames(settings):
    method, examples = made(**settings).eval(), batch()
    x = examples.frames()
    h = method.context(x)
    q = h.x_BTD
    if method.quantise is not None:
        q, _ = method.quantise(h)
    elif method.narrow is not None:
        q = method.narrow(q)
    out = method(examples)
    torch.testing.assert_close(out.total, (method.predict(q) - x.x_BTD)[x.mask_BT].abs().mean())
    assert int(out.count) == 59
    assert set(out.parts) == ({"perplexity", "used"} if "codes" not in settings else set())


def test_the_target_is_hidden_from_its_prediction():
    """Changing frame 15 changes no prediction of the frames within two of it."""
    method, examples = made().eval(), batch((30,))
    x = examples.frames()
    other = x.x_BTD.clone()
    other[0, 15] += 100.0
    before, after = (method.predict(method.quantise(method.context(frames))[0]) for frames in (x, x.with_x(other)))
    assert torch.equal(before[0, 13:18], after[0, 13:18])
    assert not torch.equal(before[0], after[0])


def test_utterances_without_surroundings_count_nothing():
    """Five hidden frames: of five frames the middle one would see nothing."""
    method = made().eval()
    assert int(method(batch((30, 5))).count) == 30
    assert int(method(batch((30, 6))).count) == 36


def test_halves_weighted_by_count_are_the_whole():
    method = made().eval()
    parts = [method(batch((30,))), method(batch((20, 9), first=1))]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(batch()).total)


def test_the_noise_of_the_codes_belongs_to_the_example():
    """Normalisation by the batch aside (none here), an example has the same loss in any company."""
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=SOURCE, in_dim=D)
    context = body.Context(body.Config(dim=16, dropout=0.0, norm="none"), source=SOURCE, in_dim=D)
    method = npc.Method(npc.Config(), encoder=encoder, context=context).train()
    parts = [method(batch((30,))), method(batch((20, 9), first=1))]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(batch()).total)
    assert method(batch((30,))).total == method(batch((30,))).total


def test_what_cannot_be_learnt_is_refused():
    encoder = mlp.Encoder(mlp.Config(dim=D), source=SOURCE, in_dim=D)
    context = identity.Context(identity.Config(), source=SOURCE, in_dim=D)
    with pytest.raises(SonantError, match="encoder: identity"):
        npc.Method(npc.Config(), encoder=encoder, context=context)
    with pytest.raises(SonantError, match="context: npc"):
        npc.Method(npc.Config(), encoder=encoder.requires_grad_(False), context=context)
    with pytest.raises(SonantError, match="at least 6, the longest has 5; lengthen"):
        made()(batch((5, 3)))
    with pytest.raises(SonantError, match="exclude each other"):
        npc.Config(bottleneck=8)
    with pytest.raises(SonantError, match="bottleneck"):
        npc.Config(codes=None, bottleneck=0)
