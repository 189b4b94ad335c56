from __future__ import annotations

import pytest
import torch
from streamed_models import SMALL, VARIANTS, heard, inputs, joined, model

from sonant.core import SonantError
from sonant.nn.conv import Conv
from sonant.streaming.dialogue import DialogueStream
from sonant.streaming.even import EvenDialogue, leaves


@torch.inference_mode()
def stepped(even, waves, activity):
    """Logits of all frames, driven as the file's first lines tell."""
    given, logits = even.inputs(), []
    told = None if activity is None else torch.cat([torch.zeros(even.early, 2), activity.float()])
    for number in range(waves.shape[1] // even.samples):
        given["wave"] = waves[:, number * even.samples :][:, : even.samples].float()
        given["steps"] = torch.tensor(number)
        if told is not None:
            given["activity"] = told[None, number * even.frames :][:, : even.frames]
            if given["activity"].shape[1] < even.frames:
                break
        found = dict(zip(even.outputs(), even(*given.values()), strict=True))
        logits.append(found["logits"])
        given |= {name: found[f"next_{name}"] for name in even.states}
        for name in even.memory:
            place = number * even.frames % given[name].shape[2]
            given[name][:, :, place : place + even.frames] = found[f"new_{name}"]
    return torch.cat(logits)[even.early :]


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_equals_the_stream(variant, frames):
    representation = model(variant)
    waves, activity = inputs(representation, 2.1)
    stream = DialogueStream(representation, context_s=0.4)
    wanted = joined(heard(stream, waves, [1600], activity), "logits")
    found = stepped(EvenDialogue(representation, context_s=0.4, frames=frames), waves, activity)
    assert len(found) >= len(wanted) - frames
    torch.testing.assert_close(found, wanted[: len(found)], atol=2e-5, rtol=0)


@pytest.mark.parametrize("context", ["gru", "rnn", "causal_conv", "identity"])
def test_other_contexts(context):
    sections = {"context": {"name": context} if context == "identity" else {"name": context, "dim": 16}}
    representation = model(SMALL, **sections)
    waves, _ = inputs(representation, 1)
    wanted = joined(heard(DialogueStream(representation, context_s=0.2), waves, [1600]), "logits")
    found = stepped(EvenDialogue(representation, context_s=0.2, frames=2), waves, None)
    torch.testing.assert_close(found, wanted[: len(found)], atol=1e-5, rtol=0)


MEL = {"name": "logmel", "n_mels": 20}
BODIES = {
    "at 50 Hz": (
        {"encoder": {"name": "conv_blocks", "dim": 16, "blocks": 2, "kernel": 1, "stride": 2, "first_kernel": 4}},
        {**SMALL, "stride": 1},
    ),
    "causal": ({"encoder": {"name": "conv_blocks", "dim": 16, "blocks": 2, "causal": True}}, SMALL),
    "looks ahead": ({"encoder": {"name": "conv_blocks", "dim": 16, "blocks": 2}}, {**SMALL, "stride": 1}),
}


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("body", "dialogue"), BODIES.values(), ids=BODIES)
def test_on_mel_features(body, dialogue, frames):
    representation = model(dialogue, features=MEL, **body)
    waves, _ = inputs(representation, 1)
    wanted = joined(heard(DialogueStream(representation, context_s=0.2), waves, [1600]), "logits")
    found = stepped(EvenDialogue(representation, context_s=0.2, frames=frames), waves, None)
    n = min(len(found), len(wanted))
    assert n >= len(wanted) - frames
    torch.testing.assert_close(found[:n], wanted[:n], atol=1e-5, rtol=0)


@pytest.mark.parametrize("early", [0, 1, 2, 7])
@pytest.mark.parametrize(("kernel", "stride", "left"), [(10, 5, 3), (5, 2, 4), (4, 4, 0), (3, 1, 2), (1, 1, 0)])
def test_a_convolution_by_steps_of_one_size(kernel, stride, left, early):
    torch.manual_seed(0)
    conv = Conv(3, 2, kernel=kernel, stride=stride, left=left, right=0).double()
    x_BTC = torch.randn(2, early + 60, 3, dtype=torch.float64)
    place = {"device": "cpu", "dtype": torch.float64}
    wanted_BTD, _ = conv.step(x_BTC[:, early:], conv.begin(2, **place))
    state, begun = conv.begin_even(2, early, **place)
    shapes, found = {name: x.shape for name, x in leaves(state)}, []
    for step in x_BTC.split(20, dim=1)[: len(x_BTC[0]) // 20]:
        y_BTD, state = conv.step(step, state)
        assert y_BTD.shape[1] == 20 // stride and {name: x.shape for name, x in leaves(state)} == shapes
        found.append(y_BTD)
    found_BTD = torch.cat(found, dim=1)[:, begun:]
    torch.testing.assert_close(found_BTD, wanted_BTD[:, : found_BTD.shape[1]], atol=1e-12, rtol=0)


def test_what_cannot_be_exported_is_refused():
    with pytest.raises(SonantError, match="features.lps carries no state of one shape"):
        EvenDialogue(model(SMALL, features={"name": "lps"}, encoder={"name": "conv_blocks", "dim": 16, "causal": True}))
    with pytest.raises(SonantError, match="features with deltas"):
        EvenDialogue(model(SMALL, features={**MEL, "deltas": 1}, **BODIES["causal"][0]))
    with pytest.raises(SonantError, match="contexts.causal_attention carries no state"):
        EvenDialogue(model(SMALL, context={"name": "causal_attention", "dim": 16, "width": 4}))
    with pytest.raises(SonantError, match="1 to 50 frames, got 0"):
        EvenDialogue(model(), frames=0)
    with pytest.raises(SonantError, match="single precision"):
        EvenDialogue(model().double())
    with pytest.raises(SonantError, match="whole past"):
        EvenDialogue(model(), context_s=None)
