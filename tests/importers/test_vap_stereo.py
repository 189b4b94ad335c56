from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from vap_files import close, oracle, save_with_objects, weights_of

from sonant import build
from sonant.core import SonantError
from sonant.importers.vap_stereo import convert
from sonant.objectives.projection import Window, class_of_bins, projection_bins
from sonant.objectives.projection_loss import discrete_loss
from sonant.objectives.projection_readout import aggregate, entropy_bits


@pytest.fixture
def original(oracle_dir):
    path, known = oracle(oracle_dir, "stereo_small")
    return build.convert("vap_stereo", path), known


@torch.no_grad()
def test_every_stage_equals_the_original(original):
    representation, known = original
    dialogue, inputs, outputs, seen = representation.dialogue, {}, {}, {}
    for name, module in (("channel", dialogue.channel[-1]), ("cross", dialogue.cross[-1]), ("x", dialogue.combine)):
        module.register_forward_hook(lambda _, given, out, name=name: outputs.__setitem__(name, out))
    attentions = {"channel": dialogue.channel[0].attention} | {n: layer.cross for n, layer in enumerate(dialogue.cross)}
    for name, module in attentions.items():
        module.register_forward_hook(lambda module, given, _, name=name: seen.__setitem__(name, module.weights(*given)))
    dialogue.channel[0].register_forward_pre_hook(lambda _, given: inputs.__setitem__("enc", given[0]))
    layers = representation.encode_all(known["waveform"][0])
    representation.converse(known["waveform"])
    close(layers["z"].x_BTD[:1], known["cpc_conv_ch0"], 1e-5)
    close(layers["c"].x_BTD[:1], known["cpc_ar_ch0"], 1e-5)
    close(inputs["enc"], torch.cat([known["enc_x1"], known["enc_x2"]]), 1e-5)
    close(outputs["channel"], torch.cat([known["channel_x1"], known["channel_x2"]]), 5e-5)
    close(outputs["cross"], torch.cat([known["stereo_x1"], known["stereo_x2"]]), 5e-4)  # of values up to 109
    close(outputs["x"], known["stereo_x"], 5e-5)
    close(seen["channel"][0, :, :60, :60], known["channel_attn_ch0"][0, 0], 1e-5)
    for number in range(3):
        close(seen[number][:, :, :60, :60], known["cross_attn_first60"][0, :, number], 1e-5)


@torch.no_grad()
def test_logits_probabilities_and_losses_equal_the_original(original):
    representation, known = original
    out = representation.converse(known["waveform"])
    close(out.logits, known["logits"], 2e-4)
    close(out.activity_logits, known["vad_logits"], 2e-4)
    said = aggregate(out.logits)
    close(said.p_now, known["p_now"], 1e-5)
    close(said.p_future, known["p_future"], 1e-5)
    close(said.p_all, known["p_tot"], 1e-5)
    close(entropy_bits(out.logits), known["H"], 1e-4)
    labels = class_of_bins(projection_bins(known["vad_in"], Window(rate=50)))
    assert torch.equal(labels, known["labels"])
    frames = discrete_loss(out.logits, labels)
    torch.testing.assert_close(frames, known["loss_vap_frames"], atol=5e-5, rtol=1e-5)
    torch.testing.assert_close(frames.mean(), known["loss_vap"], rtol=1e-5, atol=0)
    heard = F.binary_cross_entropy_with_logits(out.activity_logits, known["vad_in"][:, :200].float())
    torch.testing.assert_close(heard, known["loss_vad"], rtol=1e-5, atol=0)


@torch.no_grad()
def test_equal_inside_a_padded_batch(original):
    representation, known = original
    waves = torch.full((2, 2, 80000), 0.3)
    waves[0, :, :64000] = known["waveform"][0]
    out = representation.converse(waves, torch.tensor([64000, 80000]))
    close(out.logits[:1, :200], known["logits"], 2e-4)
    close(out.activity_logits[:1, :200], known["vad_logits"], 2e-4)


@torch.no_grad()
def test_model_folder(original, tmp_path):
    representation, known = original
    build.save(representation, tmp_path)
    found, wanted = build.load(tmp_path).converse(known["waveform"]), representation.converse(known["waveform"])
    assert torch.equal(found.logits, wanted.logits) and torch.equal(found.activity_logits, wanted.activity_logits)


def test_every_layout_gives_the_same_model(oracle_dir, tmp_path, monkeypatch):
    state = weights_of(oracle_dir, "stereo_small")
    earlier = {f"net.{key}".replace("vap_head.", "vap_head.projection_head."): value for key, value in state.items()}
    earlier["VAP.codebook.emb.weight"] = earlier.pop("net.objective.codebook.emb.weight")
    tested = {**state, "zero_shot.subset": torch.zeros(2, 4), "test_hs_metric.f1": torch.zeros(1)}
    torch.save(state, tmp_path / "plain.pt")
    torch.save({"state_dict": earlier, "epoch": 3}, tmp_path / "earlier.ckpt")
    save_with_objects(tmp_path / "lightning.ckpt", {"state_dict": tested}, monkeypatch, frame_hz=50, dropout=0.0)
    _, wanted = convert(state)
    for name in ("plain.pt", "earlier.ckpt", "lightning.ckpt"):
        sections, tensors = convert(tmp_path / name)
        assert sections["dialogue"]["dropout"] == (0.0 if name == "lightning.ckpt" else 0.1)
        assert tensors.keys() == wanted.keys() and all(torch.equal(tensors[key], wanted[key]) for key in wanted)


def test_sizes_are_read_from_the_file(oracle_dir):
    sections, _ = convert(weights_of(oracle_dir, "stereo_small"))
    assert sections["dialogue"] == {
        "channels": 2, "stride": 2, "kernel": 5, "channel_layers": 1, "cross_layers": 3, "ff": 96, "heads": 4,
        "dropout": 0.1,
    }  # fmt: skip
    other, _ = convert(weights_of(oracle_dir, "stereo_small"), {"frame_hz": 25})
    assert other["dialogue"]["stride"] == 4


def change(state, key, value):
    return {
        **{name: kept for name, kept in state.items() if name != key},
        **({key: value} if value is not None else {}),
    }


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("ar.layers.1.mha_cross.key.weight", None, "lacks dialogue.cross.1.cross.key.weight"),
        ("bc_head.weight", torch.zeros(3, 32), "unexpected bc_head.weight"),
        ("ar.layers.0.mha.m", torch.rand(4), "are not those of ALiBi"),
        ("objective.codebook.emb.weight", torch.zeros(256, 8), "orders its classes"),
        ("ar.combinator.ln.weight", None, "vap_mono"),
        ("encoder.downsample.1.weight", torch.zeros(32, 32, 7), "give frame_hz"),
        ("encoder.encoder.gEncoder.conv0.weight", None, "no CPC encoder"),
        ("ar.layers.2.mha.query.weight", torch.zeros(32, 16), "another shape for"),
    ],
)
def test_what_does_not_fit_is_told(oracle_dir, key, value, message):
    with pytest.raises(SonantError, match=message):
        build.convert("vap_stereo", change(weights_of(oracle_dir, "stereo_small"), key, value))


def test_files_that_ask_for_code_are_refused(tmp_path):
    torch.save({"state_dict": {}, "hyper_parameters": {"conf": print}}, tmp_path / "bad.ckpt")
    with pytest.raises(SonantError, match="asks to run code"):
        convert(tmp_path / "bad.ckpt")
    (tmp_path / "damaged.pt").write_bytes(b"PK nothing of the kind")
    with pytest.raises(SonantError, match="damaged"):
        convert(tmp_path / "damaged.pt")
    with pytest.raises(SonantError, match="no such file"):
        convert(tmp_path / "none.pt")
