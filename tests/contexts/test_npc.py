from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.contexts.npc import Config, Context, MaskedConv
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


def made(in_dim=5, **settings) -> Context:
    torch.manual_seed(0)
    return Context(Config(**{"dim": 8, **settings}), source=SOURCE, in_dim=in_dim).eval()


def frames(lengths, dim=5, dtype=torch.float64) -> Frames:
    g = torch.Generator().manual_seed(0)
    x_BTD = torch.randn(len(lengths), max(lengths), dim, generator=g, dtype=dtype)
    return Frames(x_BTD, torch.tensor(lengths), SOURCE).masked()


def seen(context: Context, layer: str | None = None) -> list[int]:
    """Offsets of the frames that frame 20 of 41 depends on."""
    x = frames([41])
    x.x_BTD.requires_grad_()
    last, inner = context.double().forward_layers(x)
    y_D = (inner[layer] if layer else last).x_BTD[0, 20]
    (gradient,) = torch.autograd.grad((y_D * torch.randn(y_D.shape, dtype=y_D.dtype)).sum(), x.x_BTD)
    return [i - 20 for i in gradient[0].abs().sum(-1).nonzero()[:, 0].tolist()]


@pytest.mark.parametrize(
    ("settings", "nearest", "farthest"),
    [
        ({}, 3, 11),  # the paper's: mask 5, 15 + 2 x 4 = 23 frames in all
        ({"blocks": 2}, 3, 9),
        ({"mask": 1, "blocks": 3, "kernel": 9}, 1, 7),
        ({"mask": 7, "kernel": 21, "every_block": False}, 4, 14),
        ({"activation": "tanh", "norm": "none", "residual": False}, 3, 11),
    ],
)
def test_sees_exactly_what_it_declares(settings, nearest, farthest):
    context = made(**settings)
    away = [*range(-farthest, -nearest + 1), *range(nearest, farthest + 1)]
    if settings.get("every_block", True):
        assert seen(context) == away
    else:
        assert set(seen(context)) <= set(away)
        assert {-farthest, -nearest, nearest, farthest} <= set(seen(context))
    assert (context.past, context.future) == (farthest, farthest)
    assert context.blind == 2 * nearest - 1


def test_blocks_see_their_own_frame():
    assert seen(made(), "block_2") == [-2, -1, 0, 1, 2]
    assert seen(made(), "masked_1") == [*range(-8, -2), *range(3, 9)]


@pytest.mark.parametrize(("kernel", "mask"), [(15, 7), (15, 13), (3, 1), (9, 5)])
def test_masked_convolution_is_one_with_zeros_in_the_middle(kernel, mask):
    torch.manual_seed(0)
    ours, x = MaskedConv(4, kernel=kernel, mask=mask).double(), frames([23, 5], dim=4)
    weight = torch.zeros(4, 4, kernel, dtype=torch.float64)
    taps = (kernel - mask) // 2
    weight[..., :taps], weight[..., -taps:] = ours.left.weight, ours.right.weight
    y = nn.functional.conv1d(x.x_BTD.transpose(1, 2), weight, ours.left.bias, padding=kernel // 2)
    torch.testing.assert_close(ours(x).x_BTD, x.with_x(y.transpose(1, 2).tanh()).masked().x_BTD)


def test_output_is_the_sum_of_the_masked_layers():
    context = made().double()
    last, inner = context.forward_layers(frames([17, 9]))
    terms = [inner[f"masked_{i}"].x_BTD for i in range(1, 5)]
    torch.testing.assert_close(last.x_BTD, sum(terms))
    assert tuple(inner) == context.layers


def test_statistics_of_training_ignore_padding():
    """The same utterances with more padding: the same output and the same running statistics."""
    results = []
    for extra in (0, 30):
        context, x = made(dropout=0.0).double().train(), frames([17, 9])
        wide = nn.functional.pad(x.x_BTD, (0, 0, 0, extra))
        y = context(x.with_x(wide)).x_BTD[:, :17]
        results.append((y, context.state_dict()))
    torch.testing.assert_close(results[0], results[1])
    assert int(results[0][1]["blocks.0.norm_conv.num_batches_tracked"]) == 1


@pytest.mark.parametrize("length", [0, 1, 2, 6])
def test_short_utterances_pass(length):
    y = made().double()(frames([length])).x_BTD
    assert y.shape == (1, length, 8)
    assert torch.isfinite(y).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 14}, "odd"),
        ({"mask": 4}, "odd"),
        ({"blocks": 5}, "no tap left"),
        ({"blocks": 0}, "at least 1"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(SonantError, match=message):
        Config(**settings)
