"""``sonant dialogue`` as typed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.cli.main import main
from sonant.data.manifest import ManifestWriter, Utterance

CALL = [[[0.0, 4.0], [9.0, 13.0]], [[4.5, 8.6], [11.0, 11.4]]]
KINDS = {
    "stereo": {},
    "mono": {"channels": 1, "cross_layers": 0, "activity": True, "history": True},
    "independent": {"projection": "independent"},
    "comparative": {"projection": "comparative"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A recording of 14 s, its timings, the manifest of it, and a model of each kind."""
    root = tmp_path_factory.mktemp("dialogue")
    wave_LC = 0.1 * np.random.default_rng(0).standard_normal((14 * 16000, 2))
    soundfile.write(root / "call.flac", wave_LC, 16000)
    (root / "call.json").write_text(json.dumps(CALL))
    with ManifestWriter(root / "m") as writer:
        for name in ("first", "second"):
            activity = [[tuple(stretch) for stretch in side] for side in CALL]
            writer.add(Utterance(id=name, path=str(root / "call.flac"), channel=None, activity=activity))
        writer.finish()
    for name, dialogue in KINDS.items():
        torch.manual_seed(0)
        config = {
            "sample_rate": 16000,
            "encoder": {"name": "cpc_conv", "dim": 8},
            "context": {"name": "lstm", "dim": 8},
            "dialogue": {"heads": 2, **dialogue},
        }
        build.save(build.representation_of(config), root / name)
    return root


def drawn(capsys, place, source, *options, model="stereo"):
    words = ["dialogue", str(place / source), str(place / "out.html"), "--model", str(place / model), *options]
    assert main([*words, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out), (place / "out.html").read_text()


def test_a_dialogue_of_a_manifest(place, capsys):
    facts, page = drawn(capsys, place, "m", "--dialogue", "second", "--at", "2", "13.5")
    assert facts["dialogue"] == "second" and facts["frames"] == 700
    assert facts["events"] == {"shift": 2, "hold": 0, "short": 1}
    assert 0 < facts["cross_entropy"] < 7
    early, late = facts["windows"]
    assert early["true"] == "oooo / ...." and early["at"] == pytest.approx(2.02) and late["true"] is None
    assert np.shape(early["bins"]) == (2, 4) and "Dialogue second" in page
    assert drawn(capsys, place, "m")[0]["dialogue"] == "first"


@pytest.mark.parametrize("model", list(KINDS))
def test_a_recording_with_timings(place, capsys, model):
    options = ["--timings", str(place / "call.json"), "--seconds", "10", "--set", "2022"]
    facts, page = drawn(capsys, place, "call.flac", *options, model=model)
    assert facts["seconds"] == 10.0 and facts["events"]["shift"] == 2
    assert (facts["cross_entropy"] is not None) == (model in ("stereo", "mono"))
    assert ('"active":' in page) == (model != "mono") and ('"bins":' in page) == (model != "comparative")


def test_a_recording_alone(place, capsys):
    facts, page = drawn(capsys, place, "call.flac")
    assert facts["events"] == {} and facts["cross_entropy"] is None and '"actual":' not in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["m", "out.html", "--model", "stereo", "--dialogue", "secnd"], "second"),
        (["m", "out.html", "--model", "stereo", "--at", "15"], "outside"),
        (["m", "out.html", "--model", "comparative", "--at", "1"], "no bins"),
        (["m", "out.html", "--model", "logmel"], "listens to no dialogues"),
        (["m", "out.png", "--model", "stereo"], ".html"),
        (["m", "out.html", "--model", "stereo", "--events", "shft"], "shift"),
        (["call.flac", "out.html", "--model", "mono"], "--timings"),
        (["nowhere", "out.html", "--model", "mono"], "neither"),
    ],
)
def test_mistakes_are_told(place, capsys, monkeypatch, words, told):
    monkeypatch.chdir(place)
    assert main(["dialogue", *words]) == 2
    assert told in capsys.readouterr().err
