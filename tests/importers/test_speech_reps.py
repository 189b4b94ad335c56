from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sonant import build
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.importers.speech_reps import LINEARS, NORMS, convert, convert_method


def stored(oracle_dir, name):
    """Folder, arrays and the weights of the encoder that made them."""
    folder = oracle_dir / "frame" / name
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        arrays = {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays}
    return folder, arrays, load_file(folder / "encoder.safetensors")


def encoded(source, x_BTD, config=None) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return {name: out.x_BTD for name, out in build.convert("speech_reps", source, config).encode_all(x_BTD).items()}


@pytest.mark.parametrize(("name", "residual"), [("apc_plain", False), ("apc_residual_aux", True)])
@pytest.mark.parametrize(("over", "theirs"), [("time", "h_time"), ("batch", "h_asis"), ("none", "h_asis_single")])
def test_apc_equals_the_original(oracle_dir, name, residual, over, theirs):
    _, arrays, weights = stored(oracle_dir, name)
    x_BTD = arrays["x"][: len(arrays[theirs])]
    have = encoded(weights, x_BTD, {"over": over, "residual": residual})["c"]
    torch.testing.assert_close(have, arrays[theirs], rtol=0, atol=1e-5)


def test_apc_file_holds_context_and_predictor(oracle_dir):
    """Written after four steps of training along the wrong axis, whose next loss the trace does not hold."""
    folder, arrays, _ = stored(oracle_dir, "apc_plain")
    features = {"name": "arrays", "dim": 13}
    sections, tensors = convert_method(folder / "ckpt_9.pt", {"over": "batch", "features": features})
    assert sections["context"] == {"name": "gru", "dim": 24, "layers": 3, "over": "batch"}
    sections["method"] |= {"reduction": "sum"}
    sections["data"] = {"sample_rate": sections.pop("sample_rate")}
    method = build.method_of(build.resolve(sections))
    method.load_state_dict(tensors)
    x_BTD = arrays["x"]
    batch = Batch(x_BTD, torch.full((5,), 20), 16000, geometry=FrameGeometry(16000, hop=160, window=160))
    with torch.no_grad():
        loss = method(batch).total
    assert arrays["train_loss_asis"][-1] - 5 < loss < arrays["train_loss_asis"][-1]
    later = [tensors[f"context.rnns.{layer}.weight_hh_l0"] for layer in (1, 2)]
    assert torch.equal(*later)


def test_cpc_equals_the_original(oracle_dir):
    folder, arrays, weights = stored(oracle_dir, "cpc")
    for source in (folder / "ckpt_7200.pt", weights):
        out = encoded(source, arrays["x"])
        torch.testing.assert_close(out["z"], arrays["z"], rtol=0, atol=1e-5)
        torch.testing.assert_close(out["c"], arrays["c"], rtol=0, atol=1e-5)


def test_frame_ae_equals_the_original(oracle_dir):
    folder, arrays, weights = stored(oracle_dir, "frame_ae")
    out = encoded(weights, arrays["x"][None])
    torch.testing.assert_close(out["z"][0], arrays["z"], rtol=0, atol=1e-5)
    assert torch.equal(out["c"], out["z"])
    after = encoded(load_file(folder / "encoder_after4.safetensors"), arrays["x"][None])
    assert torch.equal(encoded(folder / "4.ckpt", arrays["x"][None])["z"], after["z"])


def apc(layers=3, dim=6, size=13) -> dict:
    torch.manual_seed(0)
    state = {}
    for i in range(layers):
        state |= {f"rnn_layers.{i}.{key}": value for key, value in nn.GRU(dim if i else size, dim).state_dict().items()}
    predictor = {f"W.{key}": value for key, value in nn.Linear(dim, size).state_dict().items()}
    return {"epoch": 10, "enc_model_state_dict": state, "pred_model_state_dict": predictor, "optimizer_state_dict": {}}


def cpc(enc=7, z=3, c=5, size=13) -> dict:
    torch.manual_seed(0)
    sizes = [size, *[enc] * 5, z]
    state = {f"encoder.{place}.weight": torch.randn(sizes[i + 1], sizes[i]) for i, place in enumerate(LINEARS)}
    state |= {f"encoder.{place}.bias": torch.randn(n) for place, n in ((0, enc), (16, z))}
    state |= {f"encoder.{place}.{part}": torch.rand(enc) for place in NORMS for part in ("weight", "bias")}
    state |= {f"sum_rnn.{key}": value for key, value in nn.LSTM(z, c).state_dict().items()}
    predictor = {f"W.0.{key}": value for key, value in nn.Linear(c, z).state_dict().items()}
    return {"epoch": 1, "enc_model_state_dict": state, "pred_model_state_dict": predictor}


def autoencoder(layers=2, enc=7, z=3, size=39) -> dict:
    sizes = [size, *[enc] * layers]
    state = {f"encode_layers.{i}.weight": torch.randn(sizes[i + 1], sizes[i]) for i in range(layers)}
    state |= {f"encode_layers.{i}.bias": torch.randn(enc) for i in range(layers)}
    state |= {"feature_layer.weight": torch.randn(z, enc), "feature_layer.bias": torch.randn(z)}
    return {"enc_model_state_dict": state, "dec_model_state_dict": {}, "optimizer_state_dict": {}, "epoch": 4}


@pytest.mark.parametrize(
    ("content", "dim", "layer", "features"), [(apc(), 6, "c", 13), (cpc(), 5, "c", 13), (autoencoder(), 3, "z", 39)]
)
def test_reads_audio_and_comes_back_from_disk(tmp_path, content, dim, layer, features):
    torch.save(content, tmp_path / "ckpt_9.pt")
    representation = build.convert("speech_reps", tmp_path / "ckpt_9.pt")
    assert representation.encoder.features.dim == features
    wave = torch.randn(2, 4000) / 10
    with torch.no_grad():
        out = representation.encode(wave).x_BTD
        assert out.shape == (2, 25, dim)
        build.save(representation, tmp_path / "model")
        assert torch.equal(build.load(tmp_path / "model").encode(wave).x_BTD, out)
    assert representation.default_layer == layer


def test_arrays_in_place_of_audio():
    given = {"name": "arrays", "dim": 20, "rate": 100.0}
    sections, _ = convert(apc(size=20), {"features": given})
    assert sections["features"] == given
    with pytest.raises(SonantError, match="takes 20 dimensions.*arrays"):
        convert(apc(size=20))


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        (apc(), lambda s: s.pop("rnn_layers.2.bias_hh_l0"), "lacks rnn_layers.2.bias_hh_l0"),
        (apc(), lambda s: s.update({"dropout.weight": torch.zeros(1)}), "unexpected dropout.weight"),
        (cpc(), lambda s: s.pop("encoder.3.weight"), "lacks encoder.3.weight"),
        (cpc(), lambda s: s.pop("encoder.14.bias"), "lacks encoder.14.bias"),
        (cpc(), lambda s: s.pop("sum_rnn.bias_ih_l0"), "lacks sum_rnn.bias_ih_l0"),
        (autoencoder(), lambda s: s.pop("feature_layer.weight"), "lacks feature_layer.weight"),
        (autoencoder(), lambda s: s.pop("encode_layers.0.bias"), "lacks encode_layers.0.bias"),
        (autoencoder(), lambda s: s.update({"encode_layers.1.weight": torch.zeros(7, 8)}), "another shape"),
    ],
)
def test_what_does_not_fit_is_told(content, change, message):
    change(content["enc_model_state_dict"])
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("speech_reps", content)
    assert "\n" not in str(caught.value)


def test_other_files_are_told_apart():
    with pytest.raises(SonantError, match="none of 'rnn_layers.*rnns.0"):
        convert({"rnns.0.weight_ih_l0": torch.zeros(1)})
    with pytest.raises(SonantError, match="unknown key 'layers'"):
        convert(apc(), {"layers": 3})
    with pytest.raises(SonantError, match=r"only APC and CAPC.*W.0"):
        convert_method(cpc())
    with pytest.raises(SonantError, match="only APC and CAPC.*nothing"):
        convert_method(apc()["enc_model_state_dict"])
    with pytest.raises(SonantError, match="unknown value of 'over' 'axis'"):
        build.convert("speech_reps", apc(), {"over": "axis"})
