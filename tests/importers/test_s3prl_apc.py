from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch
from torch import nn

from sonant import build
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.importers.s3prl_apc import convert, convert_method

GEOMETRY = FrameGeometry(16000, hop=160, window=160)
both_stored = pytest.mark.parametrize("name", ["s3prl_apc", "s3prl_vq_apc"])


def stored(oracle_dir, name):
    folder = oracle_dir / "frame" / name
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        return folder / "states-2500.ckpt", {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays}


def made_up(*, groups=0, layers=2, dim=6, size=20, **audio) -> dict:
    """A training file with the names and shapes of s3prl and random numbers."""
    torch.manual_seed(0)
    state = {f"postnet.{key}": value for key, value in nn.Linear(dim, size).state_dict().items()}
    for i in range(layers):
        gru = nn.GRU(dim if i else size, dim)
        state |= {f"rnn_layers.{i}.{key}": value for key, value in gru.state_dict().items()}
    for g in range(groups):
        logits, book = nn.Linear(dim // groups, 5), nn.Linear(5, dim // groups, bias=False)
        state |= {f"vq_layers.{g}.vq_logits.{key}": value for key, value in logits.state_dict().items()}
        state[f"vq_layers.{g}.codebook_CxE.weight"] = book.weight.detach()
    paras = {"num_layers": layers, "hidden_size": dim, "dropout": 0.1, "residual": True}
    paras |= {"vq": {"gumbel_temperature": 0.7}} if groups else {}
    model = {"model": {"paras": paras}, "task": {"n_future": 3}, "data": {"audio": {"feat_dim": size, **audio}}}
    return {"model": state, "config": model, "Args": argparse.Namespace(seed=1), "Step": 5, "Optimizer": {}}


@both_stored
def test_layers_equal_the_original(oracle_dir, name):
    """From the file as it lies on disk; the last layer before the quantiser is the representation."""
    path, arrays = stored(oracle_dir, name)
    representation = build.convert("s3prl_apc", path)
    with torch.no_grad():
        out = representation.encode_all(arrays["x"], arrays["lengths"])
    torch.testing.assert_close(out["c"].x_BTD, arrays["extract_feature"], rtol=0, atol=1e-5)
    assert representation.layers == ("z", "layer_1", "layer_2", "c")
    for layer, want_BTC in zip(representation.layers[1:], arrays["hidden_states"], strict=True):
        torch.testing.assert_close(out[layer].x_BTD, want_BTC, rtol=0, atol=1e-5)


@both_stored
def test_prediction_and_loss_equal_the_original(oracle_dir, name):
    path, arrays = stored(oracle_dir, name)
    sections, tensors = convert_method(path)
    assert sections["method"]["name"] == name.removeprefix("s3prl_")
    assert sections["method"]["shift"] == 5
    sections["method"] |= {"reduction": "padded_mean"}
    sections["data"] = {"sample_rate": sections.pop("sample_rate")}
    method = build.method_of(build.resolve(sections)).eval()
    method.load_state_dict(tensors)
    batch = Batch(arrays["x"], arrays["lengths"], 16000, geometry=GEOMETRY)
    with torch.no_grad():
        torch.testing.assert_close(method(batch).total, arrays["loss"], rtol=1e-5, atol=0)
        h = method.context(method.encoder(batch.frames()))
        pred = method.predict(method.quantise(h)[0] if name == "s3prl_vq_apc" else h.x_BTD)
    torch.testing.assert_close(pred, arrays["extract_pred"], rtol=0, atol=1e-5)
    for b, n in enumerate(arrays["lengths"].tolist()):
        torch.testing.assert_close(pred[b, : n - 5], arrays["train_pred"][b, : n - 5], rtol=0, atol=1e-5)


def test_configuration_of_the_checkpoint_is_used(tmp_path):
    torch.save(made_up(groups=2, frame_length=20, frame_shift=10, cmvn=False), tmp_path / "states-5.ckpt")
    sections, _ = convert_method(tmp_path / "states-5.ckpt")
    assert sections["context"] == {
        "name": "gru",
        "dim": 6,
        "layers": 2,
        "residual": True,
        "dropout": 0.1,
        "dropout_last": True,
    }
    assert sections["method"] == {
        "name": "vq_apc",
        "shift": 3,
        "codes": (5, 5),
        "code_dims": (3, 3),
        "temperature": 0.7,
    }
    assert sections["features"]["frame_length"] == 0.02
    assert sections["features"]["cmvn"] == "none"
    sections, _ = convert(tmp_path / "states-5.ckpt", {"residual": False, "dropout": 0.0})
    assert sections["context"] == {"name": "gru", "dim": 6, "layers": 2}


def test_plain_weights_need_to_be_told_whether_they_are_residual():
    content = made_up()
    for whole in (content["model"], {"model": content["model"], "Upstream_Config": {"model": {"paras": {}}}}):
        with pytest.raises(SonantError, match="residual"):
            convert(whole)
        sections, _ = convert(whole, {"residual": True})
        assert sections["context"]["residual"]
    older = {**content, "Upstream_Config": content["config"]}
    del older["config"]
    assert convert(older)[0] == convert(content)[0]


def test_reads_audio_as_s3prl_does():
    """Kaldi's filter bank of whole frames on samples in [-1, 1], divided by the unbiased deviation."""
    representation = build.convert("s3prl_apc", made_up(size=40))
    wave_BL = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0)) / 10
    z_TD = representation.encode(wave_BL, layer="z").x_BTD[0]
    assert z_TD.shape == (48, 40)
    torch.testing.assert_close(z_TD.std(0), torch.ones(40), rtol=0, atol=1e-4)
    knf = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank, the reference, is not installed")
    options = knf.FbankOptions()
    options.frame_opts.dither, options.frame_opts.window_type, options.frame_opts.snip_edges = 0.0, "hamming", True
    options.mel_opts.num_bins, options.mel_opts.high_freq = 40, 0.0
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16000, wave_BL[0].tolist())
    computer.input_finished()
    fbank_TD = torch.from_numpy(np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)]))
    want_TD = (fbank_TD - fbank_TD.mean(0)) / (1e-10 + fbank_TD.std(0))
    torch.testing.assert_close(z_TD, want_TD, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].pop("rnn_layers.1.bias_hh_l0"), "lacks rnn_layers.1.bias_hh_l0"),
        (lambda c: c["model"].pop("vq_layers.1.codebook_CxE.weight"), "lacks vq_layers.1.codebook_CxE.weight"),
        (lambda c: c["model"].update({"blocks.0": torch.zeros(1)}), "unexpected blocks.0"),
        (lambda c: c["config"]["data"]["audio"].update({"feat_type": "mfcc"}), "'mfcc'.*give the section 'features'"),
        (lambda c: c["config"]["data"]["audio"].update({"feat_dim": 80}), "80 dimensions of 'fbank'"),
        (lambda c: c.update({"model": {}}), "gap"),
        (lambda c: c.update({"model": {"a": 3}}), "a hold something else"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    content = made_up(groups=2)
    change(content)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("s3prl_apc", content)
    assert "\n" not in str(caught.value)


def test_other_files_are_told_apart():
    with pytest.raises(SonantError, match="Transformer"):
        convert({"Transformer": {"a": torch.zeros(1)}})
    with pytest.raises(SonantError, match="unknown key 'drop'"):
        convert(made_up(), {"drop": 0.1})
    state = made_up()["model"]
    del state["postnet.weight"], state["postnet.bias"]
    with pytest.raises(SonantError, match="lacks postnet.weight"):
        convert(state, {"residual": True})
