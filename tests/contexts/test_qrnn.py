from __future__ import annotations

import pytest
import torch

from sonant.contexts.qrnn import Config, Context
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


def test_is_the_layers_of_nn_on_zeros():
    torch.manual_seed(0)
    context = Context(Config(dim=5, layers=3), source=SOURCE, in_dim=4)
    frames = Frames(torch.randn(2, 7, 4), torch.tensor([7, 3]), SOURCE).masked()
    last, inner = context.forward_layers(frames)
    assert tuple(inner) == ("layer_1", "layer_2")
    outputs, _ = context.qrnn(frames.x_BTD)
    for mine, want in zip((*inner.values(), last), outputs, strict=True):
        torch.testing.assert_close(mine.x_BTD[0], want[0])
        torch.testing.assert_close(mine.x_BTD[1, :3], want[1, :3])
        assert not mine.x_BTD[1, 3:].any()


def test_a_stream_gives_what_the_whole_gives():
    torch.manual_seed(0)
    context = Context(Config(dim=5, layers=2), source=SOURCE, in_dim=4)
    x = torch.randn(2, 9, 4)
    pieces, states = [], None
    for piece in x.split(2, dim=1):
        out, states = context.step(piece, states)
        pieces.append(out)
    whole = context(Frames(x, torch.tensor([9, 9]), SOURCE)).x_BTD
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"dim": 0}, {"layers": 0}, {"dropout": 1.0}, {"zoneout": -0.1}, {"window": 3}], ids=str
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
