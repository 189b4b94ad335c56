"""The real-time loop of Inoue et al. 2024, step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from streamed_models import joined

from sonant import build
from sonant.streaming.dialogue import DialogueStream


@pytest.mark.parametrize("rate", [50, 20, 10])
@pytest.mark.parametrize("size", [160, 1237])
def test_equals_the_original(oracle_dir, rate, size):
    folder = oracle_dir / "conversation"
    known = np.load(folder / f"stream_{rate}hz.npz")
    representation = build.convert("vap_realtime", folder / f"stream_{rate}hz.safetensors")
    context_s = int(known["audio_context_len"]) / rate
    stream = DialogueStream(representation, context_s=context_s, recompute=True, activity_from="channel", lead_in=True)
    entered = []
    step = representation.dialogue.step_entered

    def spied(*arguments):
        x_NTD, state = step(*arguments)
        entered.append(x_NTD[0])
        return x_NTD, state

    representation.dialogue.step_entered = spied
    said = [stream.step(piece) for piece in torch.from_numpy(known["waveform"][0]).split(size, -1)]
    steps = len(known["p_now"])
    found = {"enc_x1": torch.cat(entered), "p_now": joined(said, "p_now_TC")}
    found |= {"p_future": joined(said, "p_future_TC"), "vad": joined(said, "activity_TC")}
    for name, values in found.items():
        assert len(values) == steps
        torch.testing.assert_close(values, torch.from_numpy(known[name]), atol=1e-5, rtol=0)


def test_it_is_a_frame_of_the_encoder_earlier(oracle_dir):
    representation = build.convert("vap_realtime", oracle_dir / "conversation" / "stream_20hz.safetensors")
    usual, early = (DialogueStream(representation, context_s=2.5, lead_in=lead) for lead in (False, True))
    assert usual.delay_s - early.delay_s == pytest.approx(0.01)
    assert len(early.step(torch.zeros(2, 800)).logits) == 1 and len(usual.step(torch.zeros(2, 800)).logits) == 0
