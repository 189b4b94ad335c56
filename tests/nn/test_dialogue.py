from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.actions.info import describe
from sonant.core import Method, SonantError
from sonant.core.config import plain
from sonant.nn.activity_history import activity_history
from sonant.nn.dialogue import Dialogue, DialogueConfig

SMALL = {"heads": 4, "dropout": 0.0}
MONO = {**SMALL, "channels": 1, "cross_layers": 0, "channel_layers": 2, "activity": True, "history": True}
VARIANTS = {
    "stereo": SMALL,
    "stereo, postnorm": {**SMALL, "style": "transformer", "cross_layers": 1},
    "stereo, realtime": {**SMALL, "stride": 5, "kernel": 5, "padding": "none", "width": 8},
    "mono": MONO,
    "mono of 2022": {**MONO, "style": "gpt_2022", "stride": 5, "kernel": 11, "projection": "independent"},
    "mono, postnorm": {**MONO, "style": "transformer", "stride": 1, "projection": "comparative", "history": False},
}


def model(dialogue, seed=0):
    torch.manual_seed(seed)
    sections = {"encoder": {"name": "cpc_conv", "dim": 16}, "context": {"name": "lstm", "dim": 16}, "layer": "c"}
    return build.representation_of({"sample_rate": 16000, **sections, "dialogue": dialogue}).eval()


def inputs(representation, samples, dialogues=1):
    """(waves, activity or None) of a length that gives some frames."""
    both = representation.dialogue.channels == 2
    waves = 0.1 * torch.randn(dialogues, *((2,) if both else ()), samples)
    frames = representation.dialogue.geometry.frames(samples)
    return waves, None if both else (torch.rand(dialogues, frames, 2) < 0.4).float()


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def representation(request):
    return model(request.param)


def test_shapes(representation):
    cfg, samples = representation.dialogue.cfg, 16000
    waves, activity = inputs(representation, samples, 3)
    out = representation.converse(waves, None, activity)
    T = representation.dialogue.geometry.frames(samples)
    assert out.lengths_B.tolist() == [T] * 3
    last = {"discrete": (256,), "independent": (2, 4), "comparative": ()}[cfg.projection]
    assert out.logits.shape == (3, T, *last)
    assert (out.activity_logits is None) == (cfg.channels == 1)
    assert cfg.channels == 1 or out.activity_logits.shape == (3, T, 2)
    one = representation.converse(waves[0], None, None if activity is None else activity[:1])
    torch.testing.assert_close(one.logits, out.logits[:1], atol=1e-5, rtol=0)


def test_alone_as_in_a_batch(representation):
    long, short = 16000, 9777
    waves, activity = inputs(representation, long, 2)
    lengths = torch.tensor([long, short])
    with torch.no_grad():
        out = representation.converse(waves, lengths, activity)
        told = None if activity is None else activity[1:, : representation.dialogue.geometry.frames(short)]
        alone = representation.converse(waves[1:, ..., :short], None, told)
    n = int(alone.lengths_B[0])
    assert out.lengths_B[1] == n
    torch.testing.assert_close(out.logits[1, :n], alone.logits[0], atol=1e-5, rtol=0)
    assert (out.logits[1, n:] == 0).all()
    if alone.activity_logits is not None:
        torch.testing.assert_close(out.activity_logits[1, :n], alone.activity_logits[0], atol=1e-5, rtol=0)
        assert (out.activity_logits[1, n:] == 0).all()


def test_nothing_ahead_is_heard(representation):
    """By gradient: audio up to the end of the window of a frame, activity up to the frame."""
    waves, activity = inputs(representation, 12000)
    waves.requires_grad_()
    if activity is not None:
        activity.requires_grad_()
    history = None
    if representation.dialogue.cfg.history:
        history = activity_history(activity.detach(), rate=representation.dialogue.geometry.rate).requires_grad_()
    out = representation.converse(waves, None, activity, history)
    t, geometry = out.logits.shape[1] // 2, representation.dialogue.geometry
    said = out.logits[:, t].pow(2).sum()
    said = said if out.activity_logits is None else said + out.activity_logits[:, t].pow(2).sum()
    of_waves, *told = torch.autograd.grad(said, [x for x in (waves, activity, history) if x is not None])
    heard = of_waves.flatten(0, -2).abs().amax(0).nonzero().flatten()
    end = geometry.offset + t * geometry.hop + geometry.window
    assert int(heard.max()) <= end - 1 and int(heard.max()) >= end - geometry.hop
    for gradient in told:
        assert gradient[0, t].any() and not gradient[0, t + 1 :].any()


def test_the_stereo_model_at_50_hz_is_causal_within_its_frame():
    """Frame m hears samples up to 320 m + 311, and both channels of them."""
    representation = model(SMALL)
    waves = (0.1 * torch.randn(1, 2, 8000)).requires_grad_()
    (gradient,) = torch.autograd.grad(representation.converse(waves).logits[0, 10].pow(2).sum(), waves)
    for channel in gradient[0]:
        assert channel.nonzero().max() == 320 * 10 + 311


def test_a_narrow_attention_forgets():
    representation = model({**SMALL, "channel_layers": 1, "cross_layers": 1, "width": 3})
    frames = representation.context(representation.encoder(representation._frames(0.1 * torch.randn(2, 16000), None)))
    x = representation.dialogue.entered(frames, None, None).x_BTD.detach().requires_grad_()
    said = representation.dialogue.from_entered(frames.with_x(x)).logits[0, 20].pow(2).sum()
    (gradient,) = torch.autograd.grad(said, x)
    assert gradient.abs().sum((0, 2)).nonzero().flatten().tolist() == [16, 17, 18, 19, 20]  # 2 frames for each layer


def test_exchanging_the_channels_exchanges_the_activity():
    representation = model(SMALL)
    waves, _ = inputs(representation, 8000)
    out, swapped = representation.converse(waves), representation.converse(waves.flip(1))
    torch.testing.assert_close(swapped.activity_logits, out.activity_logits.flip(-1), atol=1e-5, rtol=0)
    assert (swapped.logits - out.logits).abs().max() > 1e-3


def test_history_is_counted_when_none_is_given():
    representation = model({**MONO, "history_oldest": "never"})
    waves, activity = inputs(representation, 16000)
    history = activity_history(activity, rate=50, oldest="never")
    given = representation.converse(waves, None, activity, history).logits
    torch.testing.assert_close(representation.converse(waves, None, activity).logits, given, atol=0, rtol=0)
    other = representation.converse(waves, None, activity, 1 - history).logits
    assert (other - given).abs().max() > 1e-4


def test_a_horizon_is_left_out_and_one_missing_frame_cut():
    representation = model(MONO)
    waves, activity = inputs(representation, 16000)
    wanted = representation.converse(waves, None, activity)
    with_horizon = torch.cat([activity, torch.ones(1, 100, 2)], dim=1)
    torch.testing.assert_close(representation.converse(waves, None, with_horizon).logits, wanted.logits)
    cut = representation.converse(waves, None, activity[:, :-1])
    assert cut.lengths_B.tolist() == [int(wanted.lengths_B[0]) - 1]
    torch.testing.assert_close(cut.logits, wanted.logits[:, :-1])


@pytest.mark.parametrize("samples", [100, 400, 700])
def test_too_short_to_say_anything(representation, samples):
    waves, activity = inputs(representation, samples)
    out = representation.converse(waves, None, activity)
    assert out.lengths_B.tolist() == [out.logits.shape[1]] and torch.isfinite(out.logits).all()


def test_model_folder(representation, tmp_path):
    waves, activity = inputs(representation, 12000, 2)
    build.save(representation, tmp_path / "model")
    loaded = build.load(tmp_path / "model")
    with torch.no_grad():
        for a, b in zip(
            vars(representation.converse(waves, None, activity)).values(),
            (vars(loaded.converse(waves, None, activity)).values()),
            strict=True,
        ):
            assert (a is None and b is None) or torch.equal(a, b)
    assert loaded.dialogue.cfg == representation.dialogue.cfg
    assert loaded.config["dialogue_rate"] == representation.dialogue.geometry.rate


def test_parameters_of_the_published_sizes():
    """Beside the weights the stereo original counts a codebook of 256 x 8 and four slopes in each of 7 attentions."""
    sections = {"encoder": {"name": "cpc_conv"}, "context": {"name": "lstm"}, "layer": "c", "sample_rate": 16000}
    stereo = build.representation_of({**sections, "dialogue": {}})
    assert sum(p.numel() for p in stereo.parameters()) + 256 * 8 + 7 * 4 == 5_785_117
    assert round(sum(p.numel() for p in stereo.dialogue.parameters()) / 1e6, 2) == 3.94
    mono = {"channels": 1, "cross_layers": 0, "channel_layers": 4, "activity": True}
    mono = build.representation_of({**sections, "dialogue": mono})
    assert round((sum(p.numel() for p in mono.parameters()) + 256 * 8) / 1e6, 2) == 4.87


def test_every_weight_learns_and_starts_as_said():
    representation = model({**SMALL, "dropout": 0.1}).train()
    waves, _ = inputs(representation, 16000)
    out = representation.converse(waves)
    (out.logits.logsumexp(-1).mean() + out.activity_logits.sigmoid().mean()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in representation.parameters())
    mono = model(MONO).dialogue.condition.activity.weight
    torch.testing.assert_close(mono.T @ mono, torch.eye(2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 1}, "no other to look at"),
        ({"activity": True}, "hears who is active"),
        ({"channels": 1, "cross_layers": 0, "history": True}, "needs activity"),
        ({"stride": 3, "kernel": 2}, "no shorter than the stride"),
        ({"bins_s": (0.05,) * 40}, "at most 8"),
        ({"dropout": 1.0}, "dropout must lie"),
        ({"width": 0}, "width must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_told(settings, message):
    with pytest.raises(SonantError, match=message):
        DialogueConfig(**settings)


def test_wrong_inputs_are_told():
    stereo, mono = model(SMALL), model(MONO)
    waves = torch.zeros(1, 2, 8000)
    with pytest.raises(SonantError, match="2 channels"):
        stereo.converse(waves[:, :1])
    with pytest.raises(SonantError, match="leave the activity out"):
        stereo.converse(waves, None, torch.zeros(1, 25, 2))
    with pytest.raises(SonantError, match="1 channel:"):
        mono.converse(waves)
    for activity in (None, torch.zeros(1, 10, 2), torch.zeros(2, 25, 2), torch.zeros(1, 25)):
        with pytest.raises(SonantError, match=r"\(1, 24 or more, 2\)"):
            mono.converse(waves[:, 0], None, activity)
    with pytest.raises(SonantError, match="activity history must have"):
        mono.converse(waves[:, 0], None, torch.zeros(1, 25, 2), torch.zeros(1, 25, 4))
    with pytest.raises(SonantError, match="listens to no dialogues"):
        model(None).converse(waves)


def test_forty_bins_of_independent_projection():
    cfg = DialogueConfig(**{**MONO, "projection": "independent", "bins_s": (0.05,) * 40})
    assert Dialogue(cfg, source=model(MONO).geometry, in_dim=16).head.out_features == 80


def test_the_section_of_a_configuration():
    given = {"encoder": "cpc_conv", "context": "lstm", "method": "cpc", "dialogue": {"heads": 8}}
    run = build.resolve(given)
    assert run.dialogue == DialogueConfig(heads=8)
    assert build.architecture(run)["dialogue"] == plain(run.dialogue)
    assert build.resolve(run.plain()).dialogue == run.dialogue
    without = build.resolve({**given, "dialogue": None})
    assert without.dialogue is None and "dialogue" not in build.architecture(without)
    with pytest.raises(SonantError, match="takes no section 'dialogue'"):
        build.method_of(run)
    with pytest.raises(SonantError, match="Did you mean 'heads'"):
        build.resolve({**given, "dialogue": {"head": 8}})


def test_methods_that_learn_from_dialogues(monkeypatch):
    class Listens(Method):
        converses = True

    real = build.class_of
    monkeypatch.setattr(
        "sonant.build.objects.class_of", lambda kind, name: Listens if kind == "methods" else real(kind, name)
    )
    given = {"encoder": "cpc_conv", "context": "lstm", "method": "cpc", "dialogue": {}}
    method = build.method_of(build.resolve(given))
    assert method.representation().dialogue is method.dialogue
    assert method.dialogue.geometry.rate == 50
    with pytest.raises(SonantError, match="not both"):
        build.method_of(build.resolve({**given, "embedding": {"pool": "mean"}}))
    with pytest.raises(SonantError, match="give the section 'dialogue'"):
        build.method_of(build.resolve({**given, "dialogue": None}))


def test_what_the_model_is():
    assert describe(model(SMALL))["dialogue_rate_hz"] == 50
    assert describe(model(None))["dialogue_rate_hz"] is None
