from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sonant import build
from sonant.core import SonantError
from sonant.importers.cpc_audio import convert, convert_method


def made_up(dim=8, layers=1, kind="LSTM", norm="channel", predictors=0, seed=0) -> dict[str, torch.Tensor]:
    """A checkpoint with the names and shapes of CPC_audio and random numbers."""
    g = torch.Generator().manual_seed(seed)
    rows = {"LSTM": 4, "GRU": 3, "RNN": 1}.get(kind, 0) * dim
    state = {}
    for i, kernel in enumerate((10, 8, 4, 4, 4)):
        shapes = {f"conv{i}.weight": (dim, dim if i else 1, kernel), f"conv{i}.bias": (dim,)}
        if norm != "none":
            scale = (1, dim, 1) if norm == "channel" else (dim,)
            shapes |= {f"batchNorm{i}.weight": scale, f"batchNorm{i}.bias": scale}
        if norm == "batch":
            shapes |= {f"batchNorm{i}.running_mean": (dim,), f"batchNorm{i}.running_var": (dim,)}
            state[f"gEncoder.batchNorm{i}.num_batches_tracked"] = torch.tensor(3)
        state |= {f"gEncoder.{key}": torch.rand(shape, generator=g) for key, shape in shapes.items()}
    for j in range(layers if rows else 0):
        for name, shape in (
            ("weight_ih", (rows, dim)),
            ("weight_hh", (rows, dim)),
            ("bias_ih", (rows,)),
            ("bias_hh", (rows,)),
        ):
            state[f"gAR.baseNet.{name}_l{j}"] = torch.rand(shape, generator=g) - 0.5
    for k in range(predictors):
        state[f"cpcCriterion.wPrediction.predictors.{k}.weight"] = torch.rand(dim, dim, generator=g)
    return state


def split_criterion(state):
    criterion = {k.removeprefix("cpcCriterion."): v for k, v in state.items() if k.startswith("cpcCriterion.")}
    return {k: v for k, v in state.items() if not k.startswith("cpcCriterion.")}, criterion


def test_default_architecture_equals_the_original(oracle_dir):
    folder = oracle_dir / "cpc_audio"
    representation = build.convert("cpc_audio", folder / "cpc_default_linear.safetensors")
    io = np.load(folder / "cpc_default_linear_io.npz")
    assert sum(p.numel() for p in representation.parameters()) == 1_843_456
    with torch.no_grad():
        for wave, z, c in (("wav", "z", "c"), ("wav_odd", "z_odd", "c_odd")):
            out = representation.encode_all(torch.from_numpy(io[wave][:, 0]))
            np.testing.assert_allclose(out["z"].x_BTD, io[z], atol=1e-5)
            np.testing.assert_allclose(out["c"].x_BTD, io[c], atol=1e-5)


def test_equals_the_original_inside_a_padded_batch(oracle_dir):
    folder = oracle_dir / "cpc_audio"
    representation = build.convert("cpc_audio", folder / "cpc_default_linear.safetensors")
    io = np.load(folder / "cpc_default_linear_io.npz")
    wave = torch.full((2, 20480), 0.7)
    wave[0], wave[1, :16237] = torch.from_numpy(io["wav"][0, 0]), torch.from_numpy(io["wav_odd"][0, 0])
    with torch.no_grad():
        first, second = representation.encode(wave, torch.tensor([20480, 16237])).unpad()
    np.testing.assert_allclose(first, io["c"][0], atol=1e-5)
    np.testing.assert_allclose(second, io["c_odd"][0], atol=1e-5)


@pytest.mark.parametrize("original", ["layerNorm", "batchNorm", "instanceNorm", "ID"])
def test_encoder_norms_equal_the_original(oracle_dir, original):
    state, io = small_variants(oracle_dir)
    weights = {f"gEncoder.{k}": v for k, v in below(state, f"enc_{original}.").items()}
    representation = build.convert("cpc_audio", weights)
    with torch.no_grad():
        z = representation.encode(io["wav"][:, 0], layer="z").x_BTD
    torch.testing.assert_close(z, io[f"enc_{original}_z"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("original", ["GRU1", "GRU2", "LSTM1", "LSTM2", "RNN1"])
def test_contexts_equal_the_original(oracle_dir, original):
    state, io = small_variants(oracle_dir)
    weights = {f"gAR.{k}": v for k, v in below(state, f"ar_{original}.").items()} | {
        f"gEncoder.{k}": v for k, v in below(state, "enc_layerNorm.").items()
    }
    representation = build.convert("cpc_audio", weights)
    z = representation.encode(torch.zeros(3, representation.geometry.samples(24)), layer="z")
    with torch.no_grad():
        c = representation.context(z.with_x(io["z"])).x_BTD
    torch.testing.assert_close(c, io[f"ar_{original}_c"], atol=1e-5, rtol=0)


def small_variants(oracle_dir):
    folder = oracle_dir / "cpc_audio"
    io = np.load(folder / "cpc_small_variants_io.npz")
    return load_file(folder / "cpc_small_variants.safetensors"), {k: torch.from_numpy(io[k]) for k in io}


def below(state, prefix):
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def test_zerospeech_sizes(oracle_dir):
    meta = json.loads((oracle_dir / "cpc_audio" / "meta.json").read_text())
    big = {name: torch.zeros(shape) for name, shape in meta["cpc_big_keys"].items()}
    representation = build.convert("cpc_audio", big)
    assert sum(p.numel() for p in representation.parameters()) == meta["cpc_big_numel"]
    assert representation.layers == ("z", "layer_1", "layer_2", "layer_3", "c")
    small = build.convert("cpc_audio", made_up(256, layers=2))
    assert sum(p.numel() for p in small.parameters()) == meta["cpc_small_2lstm_numel"]


@pytest.mark.parametrize("layout", ["training", "folder", "hub", "hub-namespace", "torch", "safetensors", "npz"])
def test_every_layout_on_disk_gives_the_same_model(tmp_path, layout):
    state = made_up(layers=2, kind="GRU")
    args = {"hiddenEncoder": 8, "hiddenGar": 8, "nLevelsGRU": 2, "arMode": "GRU", "normMode": "layerNorm"}
    path = tmp_path / "checkpoint_7.pt"
    if layout in ("training", "folder"):
        torch.save({"gEncoder": state, "cpcCriterion": {}, "optimizer": {}, "best": state}, path)
        torch.save(
            {"gEncoder": made_up(layers=2, kind="GRU", seed=1)},
            tmp_path / "checkpoint_10.pt" if layout == "training" else tmp_path / "checkpoint_5.pt",
        )
        (tmp_path / "checkpoint_args.json").write_text(json.dumps(args))
    elif layout.startswith("hub"):
        config = argparse.Namespace(**args) if layout == "hub-namespace" else args
        torch.save({"config": config, "weights": state}, path)
    elif layout == "torch":
        torch.save(state, path)
    elif layout == "safetensors":
        path = tmp_path / "model.safetensors"
        save_file(state, path)
    else:
        path = tmp_path / "model.npz"
        np.savez(path, **{k: v.numpy() for k, v in state.items()})
    sections, tensors = convert(tmp_path if layout == "folder" else path)
    assert sections["encoder"] == {"name": "cpc_conv", "dim": 8, "norm": "channel"}
    assert sections["context"] == {"name": "gru", "dim": 8, "layers": 2}
    assert torch.equal(tensors["encoder.norms.3.weight"], state["gEncoder.batchNorm3.weight"].flatten())
    assert torch.equal(tensors["context.rnns.1.weight_ih_l0"], state["gAR.baseNet.weight_ih_l1"])
    assert len(tensors) == len(state)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "none"])
@pytest.mark.parametrize("norm", ["channel", "batch", "instance", "none"])
def test_architecture_is_read_from_the_shapes(kind, norm):
    representation = build.convert("cpc_audio", made_up(kind=kind, norm=norm, layers=1))
    assert representation.config["context"]["name"] == {"none": "identity"}.get(kind, kind.lower())
    assert representation.config["encoder"]["norm"] == norm
    assert representation.encode(torch.zeros(1, 4000)).x_BTD.shape == (1, 25, 8)


def test_saved_and_loaded_as_a_model_folder(tmp_path):
    representation = build.convert("cpc_audio", made_up(layers=2))
    build.save(representation, tmp_path / "model")
    wave = torch.randn(2, 4000)
    with torch.no_grad():
        assert torch.equal(build.load(tmp_path / "model").encode(wave).x_BTD, representation.encode(wave).x_BTD)


def test_predictors_come_along_to_train_on(tmp_path):
    weights, criterion = split_criterion(made_up(predictors=12))
    torch.save({"gEncoder": weights, "cpcCriterion": criterion}, tmp_path / "checkpoint_1.pt")
    sections, tensors = convert_method(tmp_path / "checkpoint_1.pt", {"negativeSamplingExt": 64})
    assert sections["method"]["horizons"] == 12
    assert sections["method"]["negatives"] == 64
    method = build.method_of(build.resolve({key: sections[key] for key in ("encoder", "context", "method")}))
    method.load_state_dict(tensors)
    c = torch.randn(2, 5, 8)
    for k in range(12):
        torch.testing.assert_close(method.predict(c)[:, :, k], c @ criterion[f"wPrediction.predictors.{k}.weight"].T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("gEncoder.conv3.bias"), "lacks gEncoder.conv3.bias"),
        (lambda s: s.pop("gAR.baseNet.bias_hh_l1"), "lacks gAR.baseNet.bias_hh_l1"),
        (lambda s: s.update({"gEncoder.extra": torch.zeros(1)}), "unexpected gEncoder.extra"),
        (lambda s: s.update({"gAR.0.multihead.Wq.weight": torch.zeros(1)}), "transformer"),
        (lambda s: s.update({"gEncoder.conv.weight": torch.zeros(16, 1, 400)}), "lfb"),
        (lambda s: s.update({"gEncoder.conv0.weight": torch.zeros(8, 1, 9)}), "conv0.weight"),
        (lambda s: s.update({"gEncoder.conv1.weight": torch.zeros(8, 8, 9)}), "another shape for encoder.convs.1"),
        (lambda s: s.update({"note": "hello"}), "note hold something else"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    state = made_up(layers=2)
    change(state)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("cpc_audio", state)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [({"cpc_mode": "reverse"}, "reverse"), ({"encoder_type": "mfcc"}, "mfcc")],
)
def test_arguments_without_counterpart_are_told(config, message):
    with pytest.raises(SonantError, match=message):
        convert(made_up(), config)


def test_other_toolkits_are_told_apart():
    with pytest.raises(SonantError, match="not a CPC_audio checkpoint.*encoder.layers.0"):
        convert({"encoder.layers.0": torch.zeros(1)})
    with pytest.raises(SonantError, match="not a CPC_audio checkpoint.*json"):
        convert({"encoders.0.conv1.weight": torch.zeros(1), "json": "{}"})
    with pytest.raises(SonantError, match="no criterion"):
        convert_method(made_up())
    strange = made_up() | {"cpcCriterion.wPrediction.predictors.0.0.multihead.Wo.weight": torch.zeros(1)}
    with pytest.raises(SonantError, match="only the linear predictors"):
        convert_method(strange)
