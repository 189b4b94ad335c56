from __future__ import annotations

import pytest
import torch

from sonant.contexts.causal_conv import Config, Context
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


@pytest.mark.parametrize(("layers", "kernel", "seen"), [(1, 1, 1), (1, 16, 16), (3, 4, 10)])
def test_sees_layers_times_kernel_less_one_and_itself(layers, kernel, seen):
    context = Context(Config(dim=8, layers=layers, kernel=kernel, activation="tanh"), source=SOURCE, in_dim=3)
    assert (context.past + 1 + context.future, context.geometry) == (seen, SOURCE)
    x_BTD = torch.randn(1, 30, 3, requires_grad=True)
    context(Frames(x_BTD, torch.tensor([30]), SOURCE)).x_BTD[0, 20].sum().backward()
    reached = x_BTD.grad[0].abs().sum(-1).nonzero()[:, 0].tolist()
    assert reached == list(range(20 - seen + 1, 21))


def test_is_the_sum_written_out():
    context = Context(Config(dim=2, kernel=3, activation="none"), source=SOURCE, in_dim=2)
    x_BTD = torch.randn(1, 5, 2)
    y_BTD = context(Frames(x_BTD, torch.tensor([5]), SOURCE)).x_BTD
    weight, bias = context.convs[0].weight, context.convs[0].bias
    expected = bias + sum(weight[:, :, j] @ x_BTD[0, 1 + j] for j in range(3))
    torch.testing.assert_close(y_BTD[0, 3], expected)
    torch.testing.assert_close(y_BTD[0, 0], bias + weight[:, :, 2] @ x_BTD[0, 0])


@pytest.mark.parametrize("settings", [{"kernel": 0}, {"layers": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
