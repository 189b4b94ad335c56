from __future__ import annotations

import pytest
import torch

from sonant.contexts.causal_attention import Config, Context
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


@pytest.mark.parametrize(("layers", "width", "past"), [(1, None, None), (1, 1, 0), (1, 16, 15), (3, 4, 9)])
def test_past_is_layers_times_width_less_one(layers, width, past):
    context = Context(Config(dim=8, heads=2, ff=8, layers=layers, width=width), source=SOURCE, in_dim=8)
    assert (context.past, context.future) == (past, 0)


def test_a_map_leads_to_another_dimension():
    context = Context(Config(dim=8, heads=2, ff=8), source=SOURCE, in_dim=3)
    assert context(Frames(torch.randn(2, 5, 3), torch.tensor([5, 4]), SOURCE)).x_BTD.shape == (2, 5, 8)
    fitting = Context(Config(dim=8, heads=2, ff=8), source=SOURCE, in_dim=8)
    assert not list(fitting.enter.parameters())


def test_size_is_that_of_the_published_context():
    """One layer of 256 with 8 heads and 1024 inside, and a final norm, on the 256-channel encoder without norm:
    2,104,832 parameters together (Robertson and Dunbar 2023, cpc.csa)."""
    context = Context(Config(), source=SOURCE, in_dim=256)
    encoder = 256 * 10 + 256 * 256 * (8 + 4 + 4 + 4) + 5 * 256
    assert sum(p.numel() for p in context.parameters()) + encoder == 2_104_832


@pytest.mark.parametrize("settings", [{"heads": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
    with pytest.raises(SonantError, match="must divide"):
        Context(Config(dim=9, heads=2), source=SOURCE, in_dim=9)
