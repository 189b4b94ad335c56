from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
import torch
from fine_tuning import fine_tuned
from safetensors import safe_open

from sonant import build
from sonant.core import SonantError
from sonant.importers.pase import read_stats


def stored(oracle_dir, name="encoder_paseplus_small") -> tuple[dict, dict]:
    with safe_open(oracle_dir / "pase" / f"{name}.safetensors", "pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, json.loads(file.metadata()["config"])


def wave_and(oracle_dir, name, *arrays) -> list[torch.Tensor]:
    with np.load(oracle_dir / "pase" / f"{name}.npz", allow_pickle=False) as io:
        wave = torch.from_numpy(io["wav_i16"].astype(np.float32) / 32768)[None]
        return [wave, *(torch.from_numpy(io[array]) for array in arrays)]


@pytest.mark.parametrize("name", ["encoder_paseplus_small", "encoder_pase_small"])
@pytest.mark.parametrize("told", [True, False])
def test_equals_the_original(oracle_dir, name, told):
    """Whether the configuration is given or read off the shapes; of a length that the hop divides, and of another."""
    weights, config = stored(oracle_dir, name)
    representation = build.convert("pase", weights, config if told else None)
    wave, whole, shorter = wave_and(oracle_dir, name, "emb", "emb_len31999")
    with torch.no_grad():
        torch.testing.assert_close(representation.encode(wave).x_BTD.mT, whole, rtol=0, atol=1e-4)
        torch.testing.assert_close(representation.encode(wave[:, :31999]).x_BTD.mT, shorter, rtol=0, atol=1e-4)


def test_files_of_both_kinds(oracle_dir, tmp_path):
    weights, _ = stored(oracle_dir)
    torch.save(weights, tmp_path / "FE_e199.ckpt")
    saver = {"step": 7, "state_dict": weights, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}}
    torch.save(saver, tmp_path / "weights_PASE-PASE-7.ckpt")
    wave = 0.1 * torch.randn(1, 8000)
    first, second = (
        build.convert("pase", tmp_path / name).encode(wave).x_BTD
        for name in ("FE_e199.ckpt", "weights_PASE-PASE-7.ckpt")
    )
    assert torch.equal(first, second)
    representation = build.convert("pase", tmp_path / "FE_e199.ckpt")
    build.save(representation, tmp_path / "model")
    assert torch.equal(build.load(tmp_path / "model").encode(wave).x_BTD, first)


def test_an_lstm_is_recognised(oracle_dir):
    weights, _ = stored(oracle_dir)
    weights = {key: value for key, value in weights.items() if not key.startswith("rnn.")}
    lstm = torch.nn.LSTM(64, 32, bidirectional=True)
    weights |= {f"rnn.{key}": value for key, value in lstm.state_dict().items()}
    representation = build.convert("pase", weights)
    assert representation.config["encoder"]["rnn"] == "lstm"
    assert representation.encoder.rnn.hidden_size == 32


@pytest.mark.parametrize(
    ("change", "config", "message"),
    [
        (lambda w: w.pop("W.weight"), {}, "a last map"),
        (lambda w: w.pop("norm_out.running_var"), {}, "norm.running_var"),
        (lambda w: w.update({"vq.weight": torch.zeros(1)}), {}, "unexpected vq.weight"),
        (lambda w: [w.pop(key) for key in list(w) if key.startswith("blocks.3.")], {}, "numbered without a gap"),
        (lambda w: [w.pop(key) for key in list(w) if key.startswith("blocks.0.")], {}, "not the file of a worker"),
        (lambda w: [w.pop(key) for key in list(w) if key.startswith("blocks.7.")], {}, "strides no weight tells"),
        (lambda w: w.pop("denseskips.2.weight"), {}, "skips from 6 of 8"),
        (lambda w: None, {"emb_dim": 256}, "says emb_dim 256, its weights say 32"),
        (lambda w: None, {"kwidths": [251, 10, 5, 5, 5, 5, 5, 5]}, "says kwidths"),
        (lambda w: None, {"densemerge": "concat"}, "only 'sum'"),
        (lambda w: None, {"dilations": [1, 2]}, "only 1 can be imported"),
        (lambda w: None, {"emb_dims": 256}, "emb_dim"),
    ],
)
def test_what_does_not_fit_is_told(oracle_dir, change, config, message):
    weights, _ = stored(oracle_dir)
    change(weights)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("pase", weights, config)
    assert "\n" not in str(caught.value)


def test_a_model_of_ours_goes_on_training(oracle_dir, tmp_path):
    """Every weight has a gradient after one step, but the biases that a batch norm takes off again."""
    weights, _ = stored(oracle_dir)
    loss, without = fine_tuned(build.convert("pase", weights), tmp_path)
    assert loss > 0
    assert [name for name in without if not name.endswith(("conv.bias", "linear.bias"))] == []


class Runs:
    def __reduce__(self):
        return os.mkdir, ("proof",)


def test_statistics_are_read(tmp_path):
    stats = {"mfcc": {"mean": torch.arange(3.0), "std": torch.ones(3)}}
    (tmp_path / "stats.pkl").write_bytes(pickle.dumps(stats))
    read = read_stats(tmp_path / "stats.pkl")
    assert list(read) == ["mfcc"]
    assert torch.equal(read["mfcc"]["mean"], torch.arange(3.0))
    assert torch.equal(read["mfcc"]["std"], torch.ones(3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"mfcc": Runs()}), "asks to run code .*mkdir"),
        (pickle.dumps({"mfcc": {"mean": torch.zeros(3)}}), "expected a mean and a std"),
        (pickle.dumps([1]), "expected a mean and a std"),
        (pickle.dumps({"mfcc": {"mean": torch.zeros(3)}})[:-40], "damaged"),
        (b"", "damaged"),
    ],
)
def test_foreign_statistics_are_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stats.pkl").write_bytes(content)
    with pytest.raises(SonantError, match=message):
        read_stats(tmp_path / "stats.pkl")
    assert not (tmp_path / "proof").exists()


def test_missing_statistics_are_told(tmp_path):
    with pytest.raises(SonantError, match="cannot read"):
        read_stats(tmp_path / "stats.pkl")
