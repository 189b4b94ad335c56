from __future__ import annotations

import pytest
import torch

from sonant.contexts import causal_attention, self_attention
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)
SMALL = {"dim": 8, "heads": 2, "ff": 16}


def test_sees_both_sides_where_its_causal_twin_sees_one():
    """With the same weights the last frame, which has no future, is the same."""
    full = self_attention.Context(self_attention.Config(**SMALL), source=SOURCE, in_dim=8).double()
    causal = causal_attention.Context(causal_attention.Config(**SMALL), source=SOURCE, in_dim=8).double()
    causal.load_state_dict(full.state_dict())
    frames = Frames(torch.randn(2, 6, 8, dtype=torch.float64), torch.tensor([6, 6]), SOURCE)
    a, b = full(frames).x_BTD, causal(frames).x_BTD
    torch.testing.assert_close(a[:, -1], b[:, -1])
    assert not torch.allclose(a[:, 0], b[:, 0])
    assert (full.past, full.future) == (None, None)


def test_a_period_shows_frames_of_the_same_phase():
    cfg = self_attention.Config(**SMALL, positions="period", period=3)
    context = self_attention.Context(cfg, source=SOURCE, in_dim=8)
    x_BTD = torch.randn(1, 10, 8, requires_grad=True)
    context(Frames(x_BTD, torch.tensor([10]), SOURCE)).x_BTD[0, 4].square().sum().backward()
    assert x_BTD.grad[0].abs().sum(-1).nonzero()[:, 0].tolist() == [1, 4, 7]


def test_a_last_map_has_no_inner_layers():
    cfg = self_attention.Config(**SMALL, layers=2, out=5)
    context = self_attention.Context(cfg, source=SOURCE, in_dim=8)
    frames = Frames(torch.randn(2, 6, 8), torch.tensor([6, 4]), SOURCE)
    assert (context.layers, context(frames).x_BTD.shape) == ((), (2, 6, 5))
    assert self_attention.Context(self_attention.Config(**SMALL, layers=2), source=SOURCE, in_dim=8).layers


@pytest.mark.parametrize("settings", [{"out": -1}, {"period": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        self_attention.Config(**settings)
