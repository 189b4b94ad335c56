"""What every feature extractor, encoder and context that can hear in pieces promises."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from contract_parts import IN_DIM, RATE, Part, parts

from sonant.core import FrameGeometry, SonantError, streamable

PIECES = [0, 1, 40, 7, 0, 900, 3, 161]  # samples, or frames of contexts


@pytest.mark.parametrize("part", parts("features", "encoders", "contexts"), ids=str)
@torch.no_grad()
def test_pieces_give_what_the_whole_gives(part: Part):
    module = part.build().double()
    length = 200 if part.kind == "contexts" else 14000 if part.chooses else 3500
    frames = part.frames([length, length], dtype=torch.float64)
    try:
        driven = streamable(module, source=FrameGeometry(RATE), in_dim=IN_DIM.get(part.kind, 1))
        state = driven.begin(2, device="cpu", dtype=torch.float64)
    except SonantError as error:
        assert "cannot" in str(error)
        odd = part.settings.get("over", "time") != "time" or part.settings.get("positions") == "period"
        assert odd or None in (module.past, module.future, module.repeats), error
        return
    assert module.future is not None
    outputs, begin, number = [], 0, 0
    while begin < length:
        end = begin + PIECES[number % len(PIECES)]
        out_BTD, state = driven.step(frames.x_BTD[:, begin:end], state)
        outputs.append(out_BTD)
        begin, number = end, number + 1
    found_BTD = torch.cat(outputs, dim=1)
    heard = dataclasses.replace(module.geometry, tail=0).frames(length) - module.future  # without what pads the end
    assert found_BTD.shape == (2, max(heard, 0), module.dim)
    wanted_BTD = module(frames).x_BTD[:, : found_BTD.shape[1]]
    torch.testing.assert_close(found_BTD, wanted_BTD, rtol=1e-9, atol=1e-9)


def test_many_can():
    """What a stream may stand on; that these do not come to be refused."""
    made = {"encoders": ["cpc_conv", "conv_blocks"], "contexts": ["lstm", "gru", "rnn", "qrnn", "causal_conv"]}
    for kind, names in {**made, "features": ["logmel", "gammatone", "f0"]}.items():
        for name in names:
            settings = {"causal": True} if name == "conv_blocks" else {}
            module = Part(kind, name, settings).build()
            streamable(module, source=FrameGeometry(RATE), in_dim=1).begin(1, device="cpu", dtype=torch.float32)
