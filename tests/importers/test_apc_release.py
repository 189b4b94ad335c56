from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sonant import build
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.importers.apc_release import convert, convert_method

GEOMETRY = FrameGeometry(16000, hop=160, window=160)
both_stored = pytest.mark.parametrize(("name", "shift"), [("chung_apc", 3), ("chung_apc_prenet", 1)])


def stored(oracle_dir, name):
    folder = oracle_dir / "frame" / name
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        return folder / "model_original_layout.pt", {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays}


def made_up(*, layers=2, prenet=0, dim=6, size=20, seed=0) -> dict[str, torch.Tensor]:
    """A checkpoint with the names and shapes of the release and random numbers."""
    torch.manual_seed(seed)
    state = {}
    for i in range(prenet):
        linear = nn.Linear(dim if i else size, dim)
        state |= {f"prenet.layers.{i}.{key}": value for key, value in linear.state_dict().items()}
    for i in range(layers):
        gru = nn.GRU(dim if i or prenet else size, dim)
        state |= {f"rnns.{i}.{key}": value for key, value in gru.state_dict().items()}
    conv = nn.Conv1d(dim, size, 1)
    return state | {f"postnet.layer.{key}": value for key, value in conv.state_dict().items()}


@both_stored
def test_layers_equal_the_original(oracle_dir, name, shift):
    """All of them, prenet included, on the real frames; what lies past a length is zero here."""
    path, arrays = stored(oracle_dir, name)
    representation = build.convert("apc_release", path)
    with torch.no_grad():
        out = representation.encode_all(arrays["x"], arrays["lengths"])
    assert representation.layers == (
        ("z", "prenet", "layer_1", "c") if "prenet" in name else ("z", "layer_1", "layer_2", "c")
    )
    for layer, want_BTC in zip(representation.layers[1:], arrays["extract_internal_reps"], strict=True):
        for b, n in enumerate(arrays["lengths"].tolist()):
            torch.testing.assert_close(out[layer].x_BTD[b, :n], want_BTC[b, :n], rtol=0, atol=1e-5)
            assert not out[layer].x_BTD[b, n:].any()


@both_stored
@pytest.mark.parametrize(("reduction", "theirs"), [("padded_mean", "loss"), ("mean", "loss_masked")])
def test_prediction_and_loss_equal_the_original(oracle_dir, name, shift, reduction, theirs):
    path, arrays = stored(oracle_dir, name)
    sections, tensors = convert_method(path, {"shift": shift})
    sections["method"] |= {"reduction": reduction}
    sections["data"] = {"sample_rate": sections.pop("sample_rate")}
    method = build.method_of(build.resolve(sections)).eval()
    method.load_state_dict(tensors)
    batch = Batch(arrays["x"], arrays["lengths"], 16000, geometry=GEOMETRY)
    with torch.no_grad():
        h = method.context(method.encoder(batch.frames()))
        torch.testing.assert_close(method(batch).total, arrays[theirs], rtol=1e-5, atol=0)
        pred = method.predict(h.x_BTD)
    torch.testing.assert_close(pred, arrays["extract_pred"], rtol=0, atol=1e-5)
    for b, n in enumerate(arrays["lengths"].tolist()):
        torch.testing.assert_close(pred[b, : n - shift], arrays["train_pred"][b, : n - shift], rtol=0, atol=1e-5)
        inner = arrays["train_internal_reps"][-1]
        torch.testing.assert_close(h.x_BTD[b, : n - shift], inner[b, : n - shift], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "residual", "shift"),
    [
        ("bs32-rhl3-rhs512-rd0-adam-res-ts3.pt", True, 3),
        ("bs32-rhl3-rhs512-rd0-adam-res-ts20.pt", True, 20),
        ("bs32-rhl3-rhs512-rd0-adam-ts5.pt", False, 5),
        ("anything.pt", True, 1),
    ],
)
def test_the_file_name_says_what_the_weights_do_not(tmp_path, name, residual, shift):
    torch.save(made_up(), tmp_path / name)
    sections, _ = convert_method(tmp_path / name)
    assert sections["context"].get("residual", False) == residual
    assert sections["method"] == {"name": "apc", "shift": shift}
    sections, _ = convert_method(tmp_path / name, {"residual": not residual, "shift": 7})
    assert sections["context"].get("residual", False) != residual
    assert sections["method"]["shift"] == 7


def test_published_size_reads_audio():
    """80 filters, three layers of 512, one frame every 10 ms."""
    representation = build.convert("apc_release", made_up(layers=3, dim=512, size=80))
    assert sum(p.numel() for p in representation.parameters()) == 3 * (80 + 512 + 2) * 512 + 2 * 3 * (2 * 512 + 2) * 512
    assert representation.encode(torch.randn(1, 16000) / 10).x_BTD.shape == (1, 98, 512)
    features = {"name": "arrays", "dim": 80}
    sections, tensors = convert(made_up(size=80), {"features": features})
    assert sections["features"] == features
    assert all(name.startswith("context.") for name in tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("rnns.1.bias_hh_l0"), "lacks rnns.1.bias_hh_l0"),
        (lambda s: s.pop("postnet.layer.bias"), "lacks postnet.layer.bias"),
        (lambda s: s.update({"rnns.3.bias_hh_l0": torch.zeros(18)}), r"without a gap, it has \[0, 1, 3\]"),
        (lambda s: s.update({"prenet.layers.0.weight": torch.zeros(6, 20)}), "lacks prenet.layers.0.bias"),
        (lambda s: s.update({"vq.weight": torch.zeros(1)}), "unexpected vq.weight"),
        (lambda s: s.update({"postnet.layer.weight": torch.zeros(20, 6)}), r"postnet.layer.weight of shape \(20, 6\)"),
        (lambda s: s.update({"rnns.0.weight_hh_l0": torch.zeros(13, 6)}), "no LSTM, GRU or RNN"),
        (lambda s: s.update({"rnns.1.weight_ih_l0": torch.zeros(18, 7)}), "another shape for context.rnns.1"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    state = made_up()
    change(state)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("apc_release", state)
    assert "\n" not in str(caught.value)


def test_other_files_are_told_apart():
    with pytest.raises(SonantError, match="not an APC of the release.*encoder.0"):
        convert({"encoder.0": torch.zeros(1)})
    with pytest.raises(SonantError, match="unknown key 'residuals'.*Did you mean 'residual'"):
        convert(made_up(), {"residuals": True})


def test_saved_and_loaded_as_a_model_folder(tmp_path):
    representation = build.convert("apc_release", made_up(prenet=1))
    build.save(representation, tmp_path / "model")
    wave = torch.randn(2, 4000)
    with torch.no_grad():
        assert torch.equal(build.load(tmp_path / "model").encode(wave).x_BTD, representation.encode(wave).x_BTD)
