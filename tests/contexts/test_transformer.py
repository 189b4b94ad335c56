from __future__ import annotations

import pytest
import torch

from sonant.contexts.transformer import Config, Context
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


def made(in_dim=5, **settings) -> Context:
    torch.manual_seed(0)
    return Context(Config(**{"dim": 8, "heads": 2, "ff": 16, **settings}), source=SOURCE, in_dim=in_dim).eval()


def frames(lengths=(9, 6)) -> Frames:
    g = torch.Generator().manual_seed(0)
    return Frames(torch.randn(len(lengths), max(lengths), 5, generator=g), torch.tensor(lengths), SOURCE).masked()


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_size_is_that_of_the_published_body():
    """BASE of the three papers on 80 features: 21.3 M parameters, 7.1 M a layer; shared layers leave one of them."""
    whole, shared = (Context(Config(share_layers=share), source=SOURCE, in_dim=80) for share in (False, True))
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    enter = 80 * 768 + 768 + 2 * 768
    assert (count(whole), count(shared)) == (3 * layer + enter, layer + enter)


def test_layers_are_the_outputs_of_each_block():
    context, x = made(layers=3), frames((9,))
    last, inner = context.forward_layers(x)
    assert tuple(inner) == context.layers == ("layer_0", "layer_1", "layer_2")
    for below, layer, above in zip(inner.values(), context.stack, [*list(inner.values())[1:], last], strict=True):
        torch.testing.assert_close(layer(below.x_BTD, None), above.x_BTD)


def test_shared_layers_are_one_layer_used_again():
    context, x = made(layers=3, share_layers=True), frames((9,))
    last, inner = context.forward_layers(x)
    assert len(context.stack) == 1
    torch.testing.assert_close(context.stack[0](inner["layer_2"].x_BTD, None), last.x_BTD)


def test_pre_norm_layers_are_shown_normalised():
    context = made(layers=2, norm="pre")
    last, inner = context.forward_layers(frames((9,)))
    for out in (last, *inner.values()):
        torch.testing.assert_close(out.x_BTD.mean(-1), torch.zeros(1, 9), atol=1e-6, rtol=0)
        torch.testing.assert_close(out.x_BTD.var(-1, unbiased=False), torch.ones(1, 9), atol=1e-4, rtol=0)


def test_order_matters():
    context, x = made(), frames((9,))
    turned = x.with_x(x.x_BTD.flip(1))
    assert not torch.allclose(context(turned).x_BTD.flip(1), context(x).x_BTD, atol=1e-3)


def test_an_empty_utterance_in_a_batch_harms_nobody():
    context, x = made().train(), frames((9, 6, 0))
    context(x).x_BTD.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in context.parameters())


@pytest.mark.parametrize("settings", [{"heads": 0}, {"dropout": 1.0}, {"eps": 0.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
    with pytest.raises(SonantError, match="must divide"):
        made(dim=9)
