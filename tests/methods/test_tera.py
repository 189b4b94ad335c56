from __future__ import annotations

import pytest
import torch

from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.encoders import identity as plain
from sonant.encoders import mlp
from sonant.methods import tera

D = 20
SOURCE = FrameGeometry(16000, hop=160, window=400)


def made(**settings) -> tera.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=SOURCE, in_dim=D)
    context = gru.Context(gru.Config(dim=8), source=SOURCE, in_dim=D)
    return tera.Method(tera.Config(**settings), encoder=encoder, context=context)


def batch(lengths=(90, 60, 30), *, first=0) -> Batch:
    g = torch.Generator().manual_seed(0)
    x_BTD = torch.randn(first + len(lengths), 100, D, generator=g)[first:, : max(lengths)]
    seeds = tuple(range(40 + first, 40 + first + len(lengths)))
    return Batch(x_BTD, torch.tensor(lengths), 16000, seeds=seeds, geometry=SOURCE)


@pytest.mark.parametrize("norm", ["absolute", "square"])
def test_loss_is_the_error_over_blocks_and_bands(norm):
    method, examples = made(zero=1.0, swap=0.0, band=0.4, norm=norm), batch()
    x = examples.frames()
    altered, masked_BTD = method.alter(x, examples)
    gone_BTD = (altered.x_BTD == 0) & x.mask_BT[:, :, None]
    assert torch.equal(masked_BTD & x.mask_BT[:, :, None], gone_BTD)
    bands_BD = (gone_BTD | ~x.mask_BT[:, :, None]).all(1)
    assert bands_BD.any()
    assert (gone_BTD.all(2)).any(1).all(), "every utterance has a block"
    out = method(examples)
    difference = (method.head(method.context(altered).x_BTD) - x.x_BTD)[gone_BTD]
    torch.testing.assert_close(out.total, (difference.abs() if norm == "absolute" else difference.square()).mean())
    assert int(out.count) == int(gone_BTD.sum())


def test_alterations_come_one_by_one():
    x = batch().frames()
    time_only = made(band=0.0, zero=1.0, swap=0.0).alter(x, batch())
    assert torch.equal(time_only[1].expand_as(x.x_BTD), time_only[1][:, :, :1].expand_as(x.x_BTD))
    frequency_only = made(share=0.0, band=0.5).alter(x, batch())
    assert torch.equal(frequency_only[1].expand_as(x.x_BTD), frequency_only[1][:, :1].expand_as(x.x_BTD))
    noise_only = made(share=0.0, band=0.0, noise=1.0).alter(x, batch())
    assert (noise_only[1].expand_as(x.x_BTD) == x.mask_BT[:, :, None]).all(), "with noise alone everything counts"
    assert (noise_only[0].x_BTD - x.x_BTD)[x.mask_BT].std().item() == pytest.approx(0.2, rel=0.05)


def test_noise_leaves_the_other_alterations_as_they_are():
    x = batch().frames()
    assert torch.equal(made().alter(x, batch())[1], made(noise=1.0).alter(x, batch())[1])


def test_halves_weighted_by_count_are_the_whole():
    method = made(noise=0.5)
    parts = [method(batch((90,))), method(batch((60, 30), first=1))]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(batch()).total)


def test_what_cannot_be_learnt_is_refused():
    encoder = mlp.Encoder(mlp.Config(dim=D), source=SOURCE, in_dim=D)
    context = identity.Context(identity.Config(), source=SOURCE, in_dim=D)
    with pytest.raises(SonantError, match="encoder: identity"):
        tera.Method(tera.Config(), encoder=encoder, context=context)
    with pytest.raises(SonantError, match="at most 6 frames.*lengthen"):
        made()(batch((6, 5)))
    with pytest.raises(SonantError, match="nothing to restore"):
        tera.Config(share=0.0, band=0.0)
    for settings in ({"share": 1.0}, {"width": 0}, {"zero": 0.9, "swap": 0.2}, {"band": 1.5}, {"noise": 2.0}):
        with pytest.raises(SonantError, match=next(iter(settings))):
            tera.Config(**settings)
