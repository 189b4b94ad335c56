"""The demo, small: every stage runs, and running it again repeats nothing."""

from __future__ import annotations

import json

import pytest

from sonant.actions import demo as module
from sonant.data.synth import SynthConfig

pytest.importorskip("espeakng_loader", reason="the extra 'synth' is not installed")


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(module, "CORPUS", SynthConfig(hours=0.01, speakers=2, test_speakers=2, test_sentences=3))


def test_from_nothing_to_a_page(small, tmp_path):
    said = []
    told = module.demo(tmp_path / "demo", steps=2, say=said.append)
    assert len(said) == 4
    assert set(told["errors"]) == {"cpc", "mfcc", "logmel"}
    assert all(0 <= error <= 1 for errors in told["errors"].values() for error in errors.values())
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "<svg" in page
    assert "across" in page
    lines = (tmp_path / "demo" / "run" / "results.jsonl").read_text().splitlines()
    assert {json.loads(line)["model"] for line in lines} == {"cpc", "mfcc", "logmel"}

    made = tmp_path / "demo" / "run" / "model" / "model.safetensors"
    before = made.stat().st_mtime_ns
    again = module.demo(tmp_path / "demo", steps=2, say=said.append)
    assert again["errors"] == told["errors"]
    assert made.stat().st_mtime_ns == before
