"""SCPC+ on dialogues and monologues, then voice activity projection on its body, as typed."""

from __future__ import annotations

import json
import shlex
import shutil

import numpy as np
import pytest
import soundfile
import torch

import sonant
from sonant.cli.main import main
from sonant.data.manifest import ManifestWriter, Utterance

SMALL = (
    "--features.n_mels 12 --encoder.dim 12 --encoder.blocks 1 --context.dim 8 --dialogue.heads 2 --data.batch_size 2 "
    "--data.chunk_seconds 3 --data.valid_fraction 0 --train.device cpu --train.precision fp32 --train.log_every 1 "
    "--train.checkpoint_every 1"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two dialogues and a monologue of 9 s with voices of their own."""
    root, rng = tmp_path_factory.mktemp("talk"), np.random.default_rng(1)
    with ManifestWriter(root / "m") as writer:
        for number in range(3):
            sides = 2 if number < 2 else 1
            activity = [[(0.5, 2.0), (4.6, 7.0)], [(2.3, 4.3), (7.2, 8.5)]][:sides]
            wave_LC = 0.003 * rng.standard_normal((9 * 16000, sides))
            time_L = np.arange(9 * 16000) / 16000
            for side, stretches in enumerate(activity):
                hz = 110 + 40 * number + 30 * side
                voice_L = sum(np.sin(2 * np.pi * k * hz * (time_L + 0.02 * np.sin(5 * time_L))) / k for k in (1, 2, 3))
                for onset, offset in stretches:
                    piece = slice(int(onset * 16000), int(offset * 16000))
                    wave_LC[piece, side] += 0.2 * voice_L[piece]
            soundfile.write(root / f"d{number}.flac", wave_LC, 16000)
            channel = None if sides == 2 else 0
            writer.add(
                Utterance(id=f"d{number}", path=str(root / f"d{number}.flac"), channel=channel, activity=activity)
            )
        writer.finish()
    return root


def train(root, config: str, run: str, *words: str) -> None:
    command = ["train", config, "--data.train", str(root / "m"), "--run", str(root / run), *shlex.split(SMALL), *words]
    assert main(command) == 0


@pytest.fixture(scope="module")
def run(root):
    train(root, "scpc-plus-laptop", "plus", "--train.steps", "4")
    return root / "plus"


def test_every_loss_is_logged_apart(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [line for line in lines if line["kind"] == "train"]
    losses = [f"loss_{name}" for name in ("cpc", "f0", "voicing", "projection", "activity")]
    assert len(trained) == 4
    for line in trained:
        assert line["loss"] == pytest.approx(sum(line[name] for name in losses), rel=1e-4)
        assert all(line[name] > 0 for name in losses)


def test_a_run_that_was_stopped_ends_the_same(root, run):
    stopped = root / "stopped"
    shutil.copytree(run, stopped)
    *earlier, last = sorted((stopped / "checkpoints").glob("step_*.pt"))
    assert len(earlier) == 1
    last.unlink()
    train(root, "scpc-plus-laptop", "stopped", "--train.steps", "4", "--resume")
    one, two = (sonant.load(folder).state_dict() for folder in (run, stopped))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_result_gives_frames_and_foretells(root, run, capsys):
    model = sonant.load(run)
    assert model.encode(torch.randn(1, 16000)).x_BTD.shape == (1, 100, 8)
    assert model.converse(torch.randn(2, 16000)).logits.shape == (1, 100, 256)
    words = ["eval", "turn-taking", "--model", str(run), "--dialogues", str(root / "m"), "--sets", "2023"]
    capsys.readouterr()
    assert main([*words, "--name", "mine", "--json", "-"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert any(line["task"] == "projection" and line["model"] == "mine" for line in lines)


@pytest.mark.parametrize(
    ("options", "learn"),
    [
        ("--train.freeze [encoder,context]", set()),
        ("--train.freeze [encoder]", {"context"}),
        ("--train.freeze [encoder,context] --train.thaw_step 1", {"encoder", "context"}),
    ],
)
def test_a_projection_on_its_body_learns_what_is_thawed(root, run, options, learn):
    train(root, "vap-plus-laptop", options, "--train.steps", "2", "--train.init", str(run), *shlex.split(options))
    before, after = sonant.load(run).state_dict(), sonant.load(root / options).state_dict()
    changed = dict.fromkeys(("encoder", "context"), False)
    for name, value in before.items():
        part = name.split(".")[0]
        if part in changed:
            changed[part] |= not torch.equal(value, after[name])
    assert {part for part, has in changed.items() if has} == learn
