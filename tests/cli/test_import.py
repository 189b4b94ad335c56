"""``sonant import`` with what the checkpoint does not say."""

from __future__ import annotations

import json

import pytest
import torch

from sonant.cli.main import main


@pytest.fixture
def release(tmp_path):
    """A checkpoint of two GRU layers, which does not tell whether they are residual."""
    state = {"postnet.layer.weight": torch.rand(6, 4, 1), "postnet.layer.bias": torch.rand(6)}
    for layer in range(2):
        for name, columns in (("ih", 6 if layer == 0 else 4), ("hh", 4)):
            state[f"rnns.{layer}.weight_{name}_l0"] = torch.rand(12, columns)
            state[f"rnns.{layer}.bias_{name}_l0"] = torch.rand(12)
    torch.save(state, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_files_and_keys_reach_the_importer(release, tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("residual: true\nfeatures: {name: arrays, dim: 6}\n")
    options = ["--config", str(tmp_path / "own.yaml"), "--config", "residual=false", "--config", "features.rate=50"]
    assert main(["import", "apc_release", str(release), str(tmp_path / "model"), *options]) == 0
    stored = json.loads((tmp_path / "model" / "config.json").read_text())
    assert stored["features"] == {"name": "arrays", "dim": 6, "rate": 50}
    assert not stored["context"].get("residual", False)
    assert stored["training"]["config"]["residual"] is False
    capsys.readouterr()


@pytest.mark.parametrize(
    ("option", "message"), [("residual", "neither a file nor KEY=VALUE"), ("residul=true", "Did you mean 'residual'")]
)
def test_what_no_importer_knows_is_told(option, message, release, tmp_path, capsys):
    assert main(["import", "apc_release", str(release), str(tmp_path / "model"), "--config", option]) == 2
    assert message in capsys.readouterr().err


def test_every_format_is_listed(capsys):
    assert main(["import", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("transformers", "spidr", "cpc_audio", "s3prl_transformer"))
