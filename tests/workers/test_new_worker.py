"""A worker of one's own is one file: found by its name, configured, trained and reported like any other."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import soundfile

import sonant.workers
from sonant import build
from sonant.actions.train import train
from sonant.data.manifest import ManifestWriter, Utterance

CENTROID = '''"""The spectral centroid of the clean chunk, in kHz."""

from dataclasses import dataclass

import torch

from sonant.core import FrameGeometry, FrameModule, Frames
from sonant.workers._regression import Regression, RegressionConfig


@dataclass(frozen=True)
class Config(RegressionConfig):
    window: int = 400  # samples


class Centroid(FrameModule):
    dim = 1

    def __init__(self, window: int, *, hop: int, sample_rate: int):
        super().__init__()
        self.geometry = FrameGeometry(sample_rate, hop=hop, window=window)

    def forward(self, frames: Frames) -> Frames:
        g = self.geometry
        power_BTK = torch.fft.rfft(frames.x_BTD[..., 0].unfold(1, g.window, g.hop)).abs().square()
        khz_K = torch.linspace(0, g.sample_rate / 2000, power_BTK.shape[2])
        x_BTD = (power_BTK @ khz_K / (power_BTK.sum(-1) + 1e-9))[..., None]
        return Frames(x_BTD, g.frames(frames.lengths_B), g).masked()


class Worker(Regression):
    def __init__(self, cfg, *, source, geometry, in_dim):
        features = Centroid(cfg.window, hop=geometry.hop, sample_rate=source.sample_rate)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=cfg.window)
'''


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "centroid.py").write_text(CENTROID)
    monkeypatch.setattr(sonant.workers, "__path__", [*sonant.workers.__path__, str(folder)])
    yield folder
    sys.modules.pop("sonant.workers.centroid", None)


def test_one_file_is_all_it_takes(own_folder, tmp_path):
    noise = np.random.default_rng(0)
    with ManifestWriter(tmp_path / "manifest", name="noise") as writer:
        for number in range(6):
            path = tmp_path / f"{number}.wav"
            soundfile.write(path, 0.1 * noise.standard_normal(9600).cumsum() / 30, 16000)
            writer.add(Utterance(id=str(number), path=str(path), speaker=str(number % 3)))
        writer.finish()
    assert "centroid" in build.names("workers")
    config = {
        "encoder": {"name": "cpc_conv", "dim": 12},
        "context": "identity",
        "method": {"name": "pase", "survey_batches": 1},
        "workers": {"brightness": {"name": "centroid", "stack": 3, "hidden": 8}, "lim": {"hidden": 8}},
        "data": {
            "train": str(tmp_path / "manifest"),
            "view": "crops",
            "chunk_seconds": 0.5,
            "batch_size": 2,
            "workers": 0,
            "valid_fraction": 0.34,
        },
        "train": {"steps": 2, "log_every": 1, "valid_every": 2, "checkpoint_every": 2, "device": "cpu"},
    }
    summary = train(config, run_dir=tmp_path / "run")
    assert summary["steps"] == 2
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    trained = [line["brightness"] for line in lines if line["kind"] == "train"]
    assert len(trained) == 2 and all(0 < value < 20 for value in trained)
    assert any("brightness" in line and "lim.acc" in line for line in lines if line["kind"] == "valid")
    model = build.load(tmp_path / "run")
    assert model.dim == 12
