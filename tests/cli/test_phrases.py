"""``sonant eval phrases`` as typed, from phrases whose end a model is made to hear."""

from __future__ import annotations

import json
from html import unescape

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions import phrases as action
from sonant.cli.main import main
from sonant.core.dialogue import DialogueOut
from sonant.data.textgrid import write_textgrid

WORDS = [("are", 0.0, 0.2), ("you", 0.2, 0.3), ("a", 0.3, 0.4), ("student", 0.4, 1.0)]
MORE = [*WORDS, ("here", 1.0, 1.3), ("now", 1.3, 1.6)]
MONO = {"channels": 1, "cross_layers": 0, "activity": True, "history": True}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Four phrases of two voices, and a model of each kind."""
    root, rng = tmp_path_factory.mktemp("phrases"), np.random.default_rng(0)
    (root / "p").mkdir()
    for voice in ("a", "b"):
        for length, words in (("short", WORDS), ("long", MORE)):
            name = f"student_{length}_female_{voice}"
            wave_L = 0.1 * rng.standard_normal(int(words[-1][2] * 16000)).astype(np.float32)
            soundfile.write(root / "p" / f"{name}.wav", wave_L, 16000)
            write_textgrid(root / "p" / f"{name}.TextGrid", {"words": words, "phones": words}, words[-1][2])
    for name, dialogue in (("stereo", {}), ("mono", MONO)):
        torch.manual_seed(0)
        config = {
            "sample_rate": 16000,
            "encoder": {"name": "cpc_conv", "dim": 8},
            "context": {"name": "lstm", "dim": 8},
            "dialogue": {"heads": 2, **dialogue},
        }
        build.save(build.representation_of(config), root / name)
    return root


def scored(capsys, place, *options, model="stereo"):
    words = ["eval", "phrases", "--model", str(place / model), "--phrases", str(place / "p"), *options, "--json", "-"]
    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("model", ["stereo", "mono"])
def test_every_signal_at_every_place(place, capsys, model):
    lines = scored(capsys, place, "--name", "mine", "--results", str(place / f"{model}.jsonl"), model=model)
    told = {(line["task"], line["settings"]["signal"], line["settings"]["place"]): line for line in lines}
    places = ("short@SCP", "long@SCP", "long@EOT")
    assert {key[1:] for key in told if key[0] == "phrases"} == {
        (signal, where) for signal in ("p_now", "p_future", "p_next") for where in places
    }
    line = told["phrases", "p_now", "short@SCP"]
    assert set(line["figure"]) == {"hold", "predictive", "reactive", "post"} and line["files"] == 2
    assert told["phrase_pairs", "p_now", "short above long@SCP"]["pairs"] == 2
    assert len((place / f"{model}.jsonl").read_text().splitlines()) == len(lines)


def test_who_knows_the_end_is_told_so(place, capsys, monkeypatch):
    """A model that turns to the partner when the last word is over: high at the ends, low within the long phrase."""

    def converse(self, waves, lengths_B=None, activity_BTC=None, history_BTW=None):
        T = int(lengths_B.max()) // 320
        logits = torch.full((len(lengths_B), T, 256), -30.0)
        ends_B = lengths_B // 320 - 100  # 2 s of silence behind it
        for row, end in zip(logits, ends_B.tolist(), strict=True):
            row[:end, 15], row[end:, 240] = 0.0, 0.0
        return DialogueOut(logits, None, lengths_B // 320)

    monkeypatch.setattr(action.Representation, "converse", converse)
    lines = scored(capsys, place)
    told = {(x["settings"]["signal"], x["settings"]["place"]): x["figure"] for x in lines if x["task"] == "phrases"}
    for signal in ("p_now", "p_future", "p_next"):
        for where in ("short@SCP", "long@EOT"):
            figure = told[signal, where]
            assert figure["hold"] < 0.01 and figure["predictive"] < 0.01 and figure["post"] > 0.99
            assert figure["reactive"] == pytest.approx(1 / 3, abs=0.01)  # the last two frames, and the first after
        assert told[signal, "long@SCP"]["post"] < 0.01
    pairs = {x["settings"]["signal"]: x["figure"] for x in lines if x["task"] == "phrase_pairs"}
    assert pairs["p_now"]["post"] == 1.0 and pairs["p_now"]["hold"] == 0.5


def test_the_page_and_a_perturbation(place, capsys):
    out = place / "page.html"
    lines = scored(capsys, place, "--perturb", "flat_intensity", "average_durations", "--figure", str(out))
    assert {line["settings"]["perturb"] for line in lines} == {"none", "flat_intensity", "average_durations"}
    page = unescape(out.read_text())
    assert "Average durations" in page and "student_long_female_a" in page and "student_long_female_b" not in page
    assert "script-src 'none'" in page and "<script" not in page
    scored(capsys, place, "--figure", str(out), "--show", "b", "--regions", "training")
    assert "student_long_female_b" in out.read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--perturb", "flat_fo"], "flat_f0"),
        (["--figure", "x.png"], "a page, .html"),
        (["--completion", "student"], "TOPIC=WORD"),
        (["--silence", "-1"], "0 s or more"),
        (["--figure", "x.html", "--show", "z"], "voices: a, b"),
    ],
)
def test_mistakes_are_told(place, capsys, monkeypatch, options, told):
    monkeypatch.chdir(place)
    assert main(["eval", "phrases", "--model", str(place / "stereo"), "--phrases", str(place / "p"), *options]) == 2
    assert told in capsys.readouterr().err


def test_a_model_of_frames_is_refused(place, capsys):
    assert main(["eval", "phrases", "--model", "logmel", "--phrases", str(place / "p")]) == 2
    assert "listens to no dialogues" in capsys.readouterr().err
