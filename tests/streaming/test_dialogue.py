from __future__ import annotations

import pytest
import torch
from streamed_models import SMALL, VARIANTS, heard, inputs, joined, model, whole

from sonant.core import SonantError
from sonant.nn.dialogue import DialogueConfig
from sonant.objectives.projection_readout import aggregate
from sonant.streaming.dialogue import DialogueStream

SIZES = {"100 ms": [1600], "odd": [7, 1, 0, 1601, 333, 4000, 12], "whole": [10**6]}


def compare(stream, representation, waves, activity, sizes, atol):
    wanted = whole(representation, waves, activity, width=stream.width)
    said = heard(stream, waves, sizes, activity)
    logits = joined(said, "logits")
    n = len(logits)
    late = stream.delay_s * stream.rate - 1  # frames by which a frame may be later than its own end
    assert wanted.logits.shape[1] - max(late, 0) - 1 <= n <= wanted.logits.shape[1]
    torch.testing.assert_close(logits, wanted.logits[0, :n], atol=atol, rtol=0)
    if representation.dialogue.channels == 2:
        torch.testing.assert_close(
            joined(said, "activity_TC"), wanted.activity_logits[0, :n].sigmoid(), atol=atol, rtol=0
        )
    else:
        assert said[0].activity_TC is None
    return said, wanted


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_streamed_equals_whole(variant, sizes):
    representation = model(variant).double()
    waves, activity = inputs(representation, 3.1)
    compare(DialogueStream(representation, context_s=0.4), representation, waves, activity, sizes, 1e-10)


@pytest.mark.parametrize("context_s", [0.02, 0.5, 20.0])
def test_contexts_in_single_precision(context_s):
    representation = model()
    waves, _ = inputs(representation, 4)
    stream = DialogueStream(representation, context_s=context_s)
    said, wanted = compare(stream, representation, waves, None, [320], 1e-5)
    if context_s < 4:  # the width tells
        unbounded = whole(representation, waves, width=None)
        assert (unbounded.logits - wanted.logits).abs().max() > 0.01
    shares = aggregate(wanted.logits)
    torch.testing.assert_close(joined(said, "p_now_TC"), shares.p_now[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(joined(said, "p_future_TC"), shares.p_future[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["stereo", "mono, history"])
def test_a_long_stream(name):
    """Longer than many widths and, of the history, than its oldest bound."""
    representation = model({**VARIANTS[name], "stride": 10, "kernel": 11}).double()
    waves, activity = inputs(representation, 75)
    stream = DialogueStream(representation, context_s=1.0)
    compare(stream, representation, waves, activity, [16000, 4321], 1e-10)


def test_random_sizes():
    representation = model().double()
    waves, _ = inputs(representation, 3)
    for seed in range(3):
        sizes = torch.randint(0, 1500, (50,), generator=torch.Generator().manual_seed(seed)).tolist()
        compare(DialogueStream(representation, context_s=0.3), representation, waves, None, sizes, 1e-10)


def test_reset_and_streams_side_by_side():
    representation = model()
    first, second = inputs(representation, 1)[0], inputs(representation, 1, seed=2)[0]
    alone = joined(heard(DialogueStream(representation, context_s=0.3), first, [1600]), "logits")
    one, other = DialogueStream(representation, context_s=0.3), DialogueStream(representation, context_s=0.3)
    both = []
    for a, b in zip(first.split(1600, -1), second.split(1600, -1), strict=True):
        both.append(one.step(a))
        other.step(b)
    assert torch.equal(joined(both, "logits"), alone)
    other.reset()
    assert torch.equal(joined(heard(other, first, [1600]), "logits"), alone)


def test_a_frame_comes_with_its_last_sample():
    representation = model()
    stream = DialogueStream(representation)
    assert stream.delay_s * 16000 == pytest.approx(312)
    assert len(stream.step(torch.zeros(2, 311)).logits) == 0
    said = stream.step(torch.zeros(2, 1))
    assert (said.first, len(said.logits)) == (0, 1)
    assert len(stream.step(torch.zeros(2, 319)).logits) == 0 and stream.step(torch.zeros(2, 1)).first == 1


def test_numpy_and_one_channel():
    representation = model(VARIANTS["mono"])
    waves, activity = inputs(representation, 0.5)
    stream = DialogueStream(representation)
    assert len(stream.step(waves[0].numpy()).logits) == 0
    assert len(stream.step(waves[0, :0].numpy(), activity.numpy()).logits) == len(activity)


@pytest.mark.parametrize("name", ["stereo", "stereo, postnorm", "mono, history"])
def test_recomputing_is_the_window_by_itself(name):
    representation = model(VARIANTS[name]).double()
    waves, activity = inputs(representation, 0.5)
    stream = DialogueStream(representation, context_s=0.2, recompute=True)
    found = joined(heard(stream, waves, [700], activity), "logits")
    cached = DialogueStream(representation, context_s=0.2)
    wanted = joined(heard(cached, waves, [700], activity), "logits")
    torch.testing.assert_close(found[:10], wanted[:10], atol=1e-10, rtol=0)  # of the first window
    assert (found[12:] - wanted[12:]).abs().max() > 1e-4  # several layers reach further than one window


def test_activity_of_each_channel_by_itself():
    """Hearing the other speaker does not change it."""
    representation = model()
    waves, _ = inputs(representation, 0.5)
    other = torch.stack([waves[0], torch.zeros_like(waves[0])])
    for source, same in (("channel", True), ("both", False)):
        found = [
            DialogueStream(representation, activity_from=source).step(wave).activity_TC[:, 0] for wave in (waves, other)
        ]
        assert torch.allclose(*found, atol=1e-6) == same


def refusal(*arguments, **options):
    with pytest.raises(SonantError) as error:
        DialogueStream(*arguments, **options)
    return str(error.value)


def test_what_cannot_be_streamed_is_refused():
    ahead = model(SMALL, context={"name": "both_ways"})
    assert "looks ahead without bound" in refusal(ahead)
    whole_utterance = model(SMALL, encoder={"name": "cpc_conv", "dim": 16, "norm": "instance"})
    assert "cannot be streamed" in refusal(whole_utterance)
    assert "whole past" in refusal(model(), context_s=None)
    assert "at least one frame" in refusal(model(), context_s=0.001)
    assert "training mode" in refusal(model().train())
    silent = model()
    silent.dialogue = None
    assert "no dialogues" in refusal(silent)
    assert DialogueStream(model(VARIANTS["stereo, realtime"]), context_s=None).width == 8


def test_what_it_is_given_is_checked():
    stream = DialogueStream(model())
    with pytest.raises(SonantError, match=r"\(2, any number\), got \(1, 100\)"):
        stream.step(torch.zeros(100))
    with pytest.raises(SonantError, match="floats"):
        stream.step(torch.zeros(2, 100, dtype=torch.int16))
    with pytest.raises(SonantError, match="leave the activity out"):
        stream.step(torch.zeros(2, 100), torch.zeros(1, 2))
    with pytest.raises(SonantError, match=r"\(1, frames, 2\)"):
        DialogueStream(model(VARIANTS["mono"])).step(torch.zeros(100), torch.zeros(4))


def test_the_default_configuration_can_be_streamed():
    assert DialogueConfig().channels == 2 and DialogueStream(model({})).width == 1000
