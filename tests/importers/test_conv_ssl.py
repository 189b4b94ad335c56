from __future__ import annotations

import pytest
import torch
from vap_files import close, oracle, weights_of

from sonant import build
from sonant.core import SonantError
from sonant.importers.conv_ssl import convert
from sonant.objectives import projection_readout as readout
from sonant.objectives.projection import Window, class_of_bins, projection_bins, projection_shares
from sonant.objectives.projection_loss import comparative_loss, discrete_loss, independent_loss

GPT = [("old_mono_gpt_50hz_discrete", 50), ("old_mono_gpt_20hz_discrete", 20)]
POSTNORM = [(f"old_mono_transformer_100hz_{kind}", 100) for kind in ("discrete", "independent", "comparative")]
DISCRETE = [*GPT, POSTNORM[0]]


def converse(oracle_dir, name):
    """(what the model says, what is known, its dialogue) of an oracle."""
    path, known = oracle(oracle_dir, name)
    representation = build.convert("conv_ssl", path, {"heads": 4})
    return (
        representation.converse(known["waveform"][:, 0], None, known["va"], known["va_history"]),
        known,
        representation,
    )


@pytest.mark.parametrize(("name", "rate"), [*GPT, *POSTNORM])
@torch.no_grad()
def test_equals_the_original(oracle_dir, name, rate):
    out, known, representation = converse(oracle_dir, name)
    assert representation.dialogue.geometry.rate == rate
    frames, down = representation.encode(known["waveform"][:, 0]), representation.dialogue.down
    close((down(frames) if down else frames).x_BTD, known["enc"], 1e-5)
    close(out.logits.view(known["logits"].shape), known["logits"], 2e-4)


@pytest.mark.parametrize(("name", "rate"), DISCRETE)
@torch.no_grad()
def test_loss_and_probabilities_of_classes(oracle_dir, name, rate):
    out, known, _ = converse(oracle_dir, name)
    labels = class_of_bins(projection_bins(known["va"], Window(rate=rate)))
    assert torch.equal(labels, known["labels"])
    torch.testing.assert_close(discrete_loss(out.logits, labels).mean(), known["loss"], rtol=1e-5, atol=0)
    now = known["va"][:, : out.logits.shape[1]]
    close(readout.p_next(out.logits, now), known["p"], 1e-5)
    close(readout.p_backchannel(out.logits), known["p_bc"], 1e-5)


@torch.no_grad()
def test_loss_and_probabilities_of_bins(oracle_dir):
    out, known, _ = converse(oracle_dir, "old_mono_transformer_100hz_independent")
    bins = projection_bins(known["va"], Window(rate=100))
    assert torch.equal(bins.float(), known["labels"])
    torch.testing.assert_close(independent_loss(out.logits, bins).mean(), known["loss"], rtol=1e-5, atol=0)
    close(readout.p_next_independent(out.logits, known["va"][:, :400]), known["p"], 1e-5)
    close(readout.p_backchannel_independent(out.logits), known["p_bc"], 1e-5)


@torch.no_grad()
def test_loss_and_probabilities_of_shares(oracle_dir):
    out, known, _ = converse(oracle_dir, "old_mono_transformer_100hz_comparative")
    share = projection_shares(known["va"], Window(rate=100))
    close(share, known["labels"], 1e-6)
    torch.testing.assert_close(comparative_loss(out.logits, share).mean(), known["loss"], rtol=1e-5, atol=0)
    close(readout.p_next_comparative(out.logits), known["p"], 1e-5)


@pytest.mark.parametrize("name", ["old_mono_gpt_20hz_discrete", "old_mono_transformer_100hz_independent"])
@torch.no_grad()
def test_model_folder(oracle_dir, tmp_path, name):
    out, known, representation = converse(oracle_dir, name)
    build.save(representation, tmp_path)
    again = build.load(tmp_path).converse(known["waveform"][:, 0], None, known["va"], known["va_history"])
    assert torch.equal(again.logits, out.logits)


def lightning(state, **model):
    ar = {"num_heads": 8, "dropout": 0.4}
    return {"state_dict": state, "hyper_parameters": {"conf": {"model": {"ar": ar, **model}, "data": {}}}}


def test_hyper_parameters_from_the_file(oracle_dir, tmp_path):
    state = weights_of(oracle_dir, "old_mono_gpt_50hz_discrete")
    vap = {"type": "discrete", "bin_times": [0.1, 0.2, 0.3, 0.4]}
    content = lightning(state, encoder={"downsample": {"kernel": [5], "stride": [4]}}, vap=vap)
    torch.save(content, tmp_path / "epoch=6.ckpt")
    dialogue = convert(tmp_path / "epoch=6.ckpt")[0]["dialogue"]
    assert (dialogue["heads"], dialogue["dropout"], dialogue["stride"]) == (8, 0.4, 4)
    assert dialogue["bins_s"] == (0.1, 0.2, 0.3, 0.4)
    assert (dialogue["style"], dialogue["history_oldest"]) == ("gpt_2022", "never")
    given = convert(tmp_path / "epoch=6.ckpt", {"heads": 4, "frame_hz": 20})[0]["dialogue"]
    assert (given["heads"], given["stride"]) == (4, 5)


def test_heads_of_every_kind(oracle_dir):
    state = weights_of(oracle_dir, "old_mono_transformer_100hz_independent")
    head = "net.vap_head.projection_head.0"
    many = {**state, f"{head}.weight": torch.zeros(80, 32), f"{head}.bias": torch.zeros(80)}
    del many["VAP.emb.codebook.weight"]
    dialogue = convert(lightning(many, vap={"type": "independent", "bin_times": [0.5] * 40}))[0]["dialogue"]
    assert dialogue["projection"] == "independent" and dialogue["bins_s"] == (0.05,) * 40
    assert build.convert("conv_ssl", many, {"heads": 4}).dialogue.head.out_features == 80
    oldest = weights_of(oracle_dir, "old_mono_transformer_100hz_comparative")
    oldest = {key.replace("net.vap_head.", "net."): value for key, value in oldest.items()}
    oldest["net.ar.ar.model.1.multihead.Att.mask"] = torch.ones(1, 16, 16)
    assert convert(oldest, {"heads": 4})[0]["dialogue"]["projection"] == "comparative"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("net.ar.ar.model.0.pe", torch.zeros(1, 1024, 32), "no sinusoids"),
        ("net.ar.ar.model.2.multihead.Wq.weight", None, "lacks dialogue.channel.1.attention.query.weight"),
        ("net.ar.ar.model.1.multihead.Wx.weight", torch.zeros(32, 32), "unexpected"),
        ("net.vap_head.projection_head.weight", None, "lacks its head"),
    ],
)
def test_what_does_not_fit_is_told(oracle_dir, key, value, message):
    state = weights_of(oracle_dir, "old_mono_transformer_100hz_discrete")
    state = {name: kept for name, kept in state.items() if name != key} | ({} if value is None else {key: value})
    with pytest.raises(SonantError, match=message):
        build.convert("conv_ssl", state, {"heads": 4})


def test_what_has_to_be_given(oracle_dir):
    with pytest.raises(SonantError, match="heads=4"):
        convert(weights_of(oracle_dir, "old_mono_gpt_50hz_discrete"))
    with pytest.raises(SonantError, match="read by vap_stereo and vap_mono"):
        convert(weights_of(oracle_dir, "mono_small"))
    with pytest.raises(SonantError, match="Did you mean 'heads'"):
        convert({}, {"head": 4})
    strange = lightning(weights_of(oracle_dir, "old_mono_gpt_50hz_discrete"), vap={"type": "relative"})
    with pytest.raises(SonantError, match="'projection' must be one of"):
        build.convert("conv_ssl", strange)
