from __future__ import annotations

import pytest
import torch
from streamed_models import model

from sonant import build
from sonant.core import SonantError
from sonant.streaming import frames
from sonant.streaming.frames import FrameStream

BODIES = {
    "cpc": {"encoder": {"name": "cpc_conv", "dim": 16}, "context": {"name": "gru", "dim": 16, "layers": 2}},
    "mel": {
        "features": {"name": "logmel"},
        "encoder": {"name": "conv_blocks", "dim": 16, "causal": True},
        "context": {"name": "causal_attention", "dim": 16, "width": 6, "layers": 2, "positions": "alibi"},
    },
    "ahead": {"features": {"name": "logmel"}, "encoder": {"name": "identity"}, "context": {"name": "npc", "dim": 16}},
}


@pytest.mark.parametrize("layer", ["z", "c"])
@pytest.mark.parametrize("sections", BODIES.values(), ids=BODIES)
@torch.no_grad()
def test_equals_the_whole(sections, layer):
    torch.manual_seed(0)
    representation = build.representation_of({"sample_rate": 16000, **sections, "layer": "c"}).eval().double()
    waves = 0.1 * torch.randn(2, 20000, dtype=torch.float64)
    wanted = representation.encode(waves, layer=layer)
    stream = FrameStream(representation, layer=layer, sequences=2)
    heard, T = 0, 0
    for piece in waves.split([0, 1, 700, 3000, 7, 16000, 292], dim=1):
        heard += piece.shape[1]
        found = stream.step(piece)
        n = found.x_BTD.shape[1]
        torch.testing.assert_close(found.x_BTD, wanted.x_BTD[:, T : T + n], atol=1e-10, rtol=0)
        assert found.geometry.time_of(0) == pytest.approx(wanted.geometry.time_of(T))
        T += n
        late = round(stream.delay_s * 16000)  # after the beginning of a frame
        assert stream.count == T == max((heard - late) // wanted.geometry.hop + 1, 0)
    stream.reset()
    torch.testing.assert_close(stream.step(waves).x_BTD, wanted.x_BTD[:, :T], atol=1e-10, rtol=0)


def test_one_stream_takes_flat_samples():
    representation = model()
    found = FrameStream(representation).step(torch.zeros(1600))
    assert found.x_BTD.shape == (1, 9, 16) and found.lengths_B.tolist() == [9]


def test_what_it_is_given_is_checked():
    with pytest.raises(SonantError, match="only the layers z and c"):
        FrameStream(model(), layer="layer_1")
    with pytest.raises(SonantError, match="training mode"):
        FrameStream(model().train())
    with pytest.raises(SonantError, match=r"\(2, any number\), got \(1, 5\)"):
        FrameStream(model(), sequences=2).step(torch.zeros(5))
    with pytest.raises(SonantError, match="looks ahead without bound"):
        FrameStream(model(context={"name": "both_ways"}))
    FrameStream(model(context={"name": "both_ways"}), layer="z")


def test_long_pieces_are_heard_block_by_block(monkeypatch):
    representation, waves = model().double(), torch.randn(1, 5000, dtype=torch.float64)
    at_once = FrameStream(representation).step(waves).x_BTD
    lengths, stream = [], FrameStream(representation)
    step = stream.body.step
    monkeypatch.setattr(frames, "BLOCK", 700)
    monkeypatch.setattr(stream.body, "step", lambda x, state: (lengths.append(x.shape[1]), step(x, state))[1])
    torch.testing.assert_close(stream.step(waves).x_BTD, at_once, atol=1e-10, rtol=0)
    assert lengths == [700] * 7 + [100]
