from __future__ import annotations

import pytest
import torch

from sonant.contexts.wav2vec_transformer import Config, Context
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=320, window=400)


def made(**settings) -> Context:
    torch.manual_seed(0)
    small = {"dim": 8, "layers": 2, "heads": 2, "ff": 16, "position_kernel": 5, "position_groups": 2}
    return Context(Config(**{**small, **settings}), source=SOURCE, in_dim=5).eval()


def frames(lengths=(9, 6)) -> Frames:
    g = torch.Generator().manual_seed(0)
    return Frames(torch.randn(len(lengths), max(lengths), 5, generator=g), torch.tensor(lengths), SOURCE).masked()


def test_layers_are_counted_from_one():
    context, x = made(layers=3), frames((9,))
    last, inner = context.forward_layers(x)
    assert tuple(inner) == context.layers == ("layer_0", "layer_1", "layer_2", "layer_3")
    for number, layer in enumerate(context.stack, start=1):
        below, above = inner[f"layer_{number - 1}"], inner[f"layer_{number}"]
        torch.testing.assert_close(layer(below.x_BTD, None)[0], above.x_BTD)
    assert torch.equal(last.x_BTD, inner["layer_3"].x_BTD)


def test_pre_norm_models_end_with_a_norm():
    context = made(norm="pre")
    last, inner = context.forward_layers(frames((9,)))
    torch.testing.assert_close(last.x_BTD, context.norm(inner["layer_2"].x_BTD))
    assert not torch.allclose(last.x_BTD, inner["layer_2"].x_BTD, atol=1e-2)


def test_what_the_feed_forward_nets_add_can_be_shown():
    blocks, added = (made(shown=shown).forward_layers(frames((9,))) for shown in ("block", "ff"))
    assert torch.equal(blocks[0].x_BTD, added[0].x_BTD)
    assert torch.equal(blocks[1]["layer_0"].x_BTD, added[1]["layer_0"].x_BTD)
    assert not torch.allclose(blocks[1]["layer_2"].x_BTD, added[1]["layer_2"].x_BTD, atol=1e-2)


def test_relative_positions_tell_before_from_after():
    context, x = made(buckets=8, distance=10, position_kernel=1), frames((9,))
    with torch.no_grad():
        context.relative.weight.normal_(std=2.0)
    turned = context(x.with_x(x.x_BTD.flip(1))).x_BTD.flip(1)
    assert not torch.allclose(turned, context(x).x_BTD, atol=1e-3)


def test_an_empty_utterance_in_a_batch_harms_nobody():
    context, x = made(buckets=8, distance=10).train(), frames((9, 6, 0))
    context(x).x_BTD.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in context.parameters())


@pytest.mark.parametrize("settings", [{"heads": 0}, {"dropout": 1.0}, {"eps": 0.0}, {"buckets": 2}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
