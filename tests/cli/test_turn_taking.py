"""``sonant eval turn-taking`` as typed, from a training on the same dialogues on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

from sonant.actions import turn_taking as action
from sonant.cli.main import main
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.evaluation.turn_taking.counted import futures
from sonant.objectives.projection import Window

SMALL = (
    "--encoder.dim 8 --context.dim 8 --dialogue.heads 2 --data.chunk_seconds 4 --data.batch_size 2 --train.steps 2 "
    "--train.log_every 1 --train.valid_every 2 --data.workers 0 --train.device cpu --train.precision fp32"
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three dialogues of 24 s: turns of 2 to 3 s, 0.3 s between them, of either speaker by chance."""
    root, rng = tmp_path_factory.mktemp("talk"), np.random.default_rng(1)
    with ManifestWriter(root / "m") as writer:
        for number in range(3):
            activity, now = [[], []], 0.5
            while now < 20:
                length = float(rng.integers(100, 150)) / 50
                activity[int(rng.integers(2))].append((round(now, 2), round(now + length, 2)))
                now += length + 0.3
            wave_LC = 0.001 * rng.standard_normal((24 * 16000, 2))
            for side, stretches in enumerate(activity):
                for onset, offset in stretches:
                    wave_LC[int(onset * 16000) : int(offset * 16000), side] *= 100
            soundfile.write(root / f"d{number}.flac", wave_LC, 16000)
            writer.add(Utterance(id=f"d{number}", path=str(root / f"d{number}.flac"), channel=None, activity=activity))
        writer.finish()
    return root


@pytest.fixture(scope="module")
def run(corpus):
    words = ["train", "vap-laptop", "--run", str(corpus / "run"), "--data.train", str(corpus / "m"), *SMALL.split()]
    assert main(words) == 0
    return corpus / "run"


def score(capsys, run, corpus, *options):
    words = ["eval", "turn-taking", "--model", str(run), "--dialogues", str(corpus / "m"), *options, "--json", "-"]
    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


def test_training_tells_both_losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [line for line in lines if line["kind"] == "train"]
    assert {"loss_vap", "loss_activity"} <= trained[0].keys()
    assert trained[0]["loss"] == pytest.approx(trained[0]["loss_vap"] + trained[0]["loss_activity"], rel=1e-4)
    assert any(line["kind"] == "valid" for line in lines)


def test_lines_of_the_model_and_beside_it(run, corpus, capsys):
    options = ["--sets", "2023", "--name", "mine", "--results", str(corpus / "r.jsonl")]
    lines = score(capsys, run, corpus, *options)
    nats = {line["model"]: line["figure"]["cross_entropy"] for line in lines if line["task"] == "projection"}
    assert set(nats) == {"mine", "activity only", "class prior"}
    assert nats["activity only"] < nats["class prior"] < np.log(256)
    told = {(line["settings"]["task"], line["model"]): line for line in lines if line["task"] == "turn_taking"}
    assert {model for task, model in told if task == "shift_hold"} == {"mine", "activity only", "majority", "random"}
    assert told["shift_hold", "majority"]["figure"]["balanced_accuracy"] == 0.5
    assert len((corpus / "r.jsonl").read_text().splitlines()) == len(lines)
    events = score(
        capsys, run, corpus, "--sets", "2023", "--per", "event", "--all-holds", "--validation", str(corpus / "m")
    )
    counts = {line["settings"]["task"]: line["samples"] for line in events if line["task"] == "turn_taking"}
    assert counts["shift_hold"] < told["shift_hold", "mine"]["samples"]


@pytest.mark.parametrize("both_ways", [False, True])
def test_who_knows_the_future_is_right(run, corpus, capsys, monkeypatch, both_ways):
    def told(representation, wave, activity_TC, **options):
        future_T = torch.from_numpy(futures(activity_TC, Window()))
        return 30.0 * torch.nn.functional.one_hot(future_T, 256).float()

    monkeypatch.setattr(action, "dialogue_logits", told)
    lines = score(capsys, run, corpus, "--name", "mine", *(["--both-ways"] if both_ways else []))
    assert next(line["figure"]["cross_entropy"] for line in lines if line["model"] == "mine") < 1e-3
    figures = {
        (line["model"], line["settings"]["set"], line["settings"]["task"]): line["figure"]["balanced_accuracy"]
        for line in lines
        if line["task"] == "turn_taking" and "balanced_accuracy" in line["figure"]
    }
    for task in ("shift_hold", "shift_prediction"):
        assert figures["mine", "2023", task] > 0.95, task
        assert figures["mine", "2022", task] > 0.85, task  # zero-shot classes are not all there are
        assert figures["activity only", "2023", task] < 0.8, task


def test_what_cannot_be_scored_is_told(corpus, capsys):
    assert main(["eval", "turn-taking", "--model", "logmel", "--dialogues", str(corpus / "m")]) != 0
    assert "listens to no dialogues" in capsys.readouterr().err
