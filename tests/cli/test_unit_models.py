"""Models of units of dialogues as scored on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F

from sonant import build
from sonant.actions.train import card_of
from sonant.cli.main import main
from sonant.core import Representation
from sonant.data.arrays import ArrayWriter
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.objectives.projection import Window, class_of_bins, projection_bins

K = 6
GEOMETRY = {"sample_rate": 16000, "hop": 320, "window": 400, "offset": 0, "tail": 0}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Three dialogues of 24 s as units and activity, and models that have learnt nothing."""
    root, rng = tmp_path_factory.mktemp("units"), np.random.default_rng(1)
    writers = {}
    for channels in ("mix", "each"):
        told = {"k": K, "digest": "x", "form": "dialogue", "channels": channels}
        writers[channels] = ArrayWriter(root / channels, facts={"geometry": GEOMETRY, "units": told}, dtype="int32")
    with ManifestWriter(root / "m") as manifest:
        for number in range(3):
            activity_TC, now = np.zeros((1199, 2), dtype=int), 25
            while now < 1000:
                length = int(rng.integers(100, 150))
                activity_TC[now : now + length, int(rng.integers(2))] = 1
                now += length + 15
            unit_TU = rng.integers(K, size=(1199, 2))
            for channels, writer in writers.items():
                units = unit_TU[:, :1] if channels == "mix" else unit_TU
                writer.write(f"d{number}", np.concatenate([units, activity_TC, activity_TC[:, :1]], axis=1))
            soundfile.write(root / f"d{number}.wav", np.zeros((24 * 1000, 2)), 1000)
            manifest.add(Utterance(id=f"d{number}", path=str(root / f"d{number}.wav"), channel=None, activity=[[], []]))
        manifest.finish()
    for writer in writers.values():
        writer.close()
    for projection in ("discrete", "independent"):
        save_model(root / projection, projection)
    return root


def save_model(folder, projection):
    torch.manual_seed(0)
    sizes = [("features.dim", K), ("features.rate", 50), ("encoder.dim", 8), ("context.dim", 8), ("context.layers", 1)]
    run = build.resolve("ulm-projection-laptop", [*sizes, ("dialogue.projection", projection)])
    made = build.method_of(run).representation()
    parts = {"encoder": made.encoder, "context": made.context, "dialogue": made.dialogue}
    build.save(Representation(**parts, config=build.architecture(run)), folder)


def score(capsys, *words):
    assert main([*map(str, words), "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_losses_are_those_of_the_model_on_whole_dialogues(place, capsys):
    whole = ["--context", "30", "--step", "30"]
    line = score(capsys, "eval", "units", "--units", place / "each", "--model", place / "discrete", *whole)
    model, losses, unit_losses = build.load(place / "discrete"), [], []
    for number in range(3):
        x_TD = torch.from_numpy(np.load(place / "each" / f"d{number}.npy")).long()
        for own, order in ((0, [2, 3]), (1, [3, 2])):
            out = model.read(x_TD[:, own], x_TD[:, order])
            class_T = class_of_bins(projection_bins(x_TD[:, order], Window(rate=50)))
            losses.append(F.cross_entropy(out.logits[0, : len(class_T)], class_T, reduction="none"))
            unit_losses.append(F.cross_entropy(out.unit_logits[0, :-1], x_TD[1:, own], reduction="none"))
    figure = line["figure"]
    assert figure["cross_entropy"] == pytest.approx(torch.cat(losses).mean().item(), rel=1e-5)
    assert figure["unit_cross_entropy"] == pytest.approx(torch.cat(unit_losses).mean().item(), rel=1e-5)
    assert figure["unit_perplexity"] == pytest.approx(np.exp(figure["unit_cross_entropy"]))
    assert {"top_1", "top_5_in_silence", "hold_accuracy", "shift_accuracy", "f1"} <= set(figure)
    assert (line["task"], line["predicted"]) == ("unit_dialogue", 6 * 1198)
    windows = score(capsys, "eval", "units", "--units", place / "mix", "--model", place / "independent")
    assert set(windows["figure"]) == {"loss", "unit_cross_entropy", "unit_perplexity"}


def test_turn_taking_on_units(place, capsys):
    words = ["eval", "turn-taking", "--model", place / "discrete", "--dialogues", place / "m", "--sets", "2023"]
    lines = score(capsys, *words, "--units", place / "mix", "--both-ways")
    futures = {line["model"]: line for line in lines if line["task"] == "projection"}
    assert set(futures) == {str(place / "discrete"), "activity only", "class prior"}
    assert len({line["frames"] for line in futures.values()}) == 1
    assert any(line["task"] == "turn_taking" and line["settings"]["task"] == "shift_hold" for line in lines)
    each = score(capsys, *words, "--units", place / "each")
    assert next(line for line in each if line["task"] == "projection")["frames"] == 6 * 1099


def test_mistakes_are_told_in_a_line(place, capsys):
    words = ["eval", "turn-taking", "--model", str(place / "discrete"), "--dialogues", str(place / "m")]
    for more, said in (
        ([], "give those of the dialogues with --units"),
        (["--units", str(place / "each"), "--both-ways"], "leave --both-ways out"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert main(["eval", "units", "--units", str(place / "mix"), "--model", "logmel"]) == 2
    assert "no language model of units" in capsys.readouterr().err
    assert main(["eval", "units", "--units", str(place / "mix")]) == 2
    assert "one of --labels, --train and --model" in capsys.readouterr().err


def test_the_card_says_how_units_are_read(place):
    card = card_of(build.load(place / "discrete"), {})
    assert "| listens to | 6 units of one channel with both speakers |" in card
    assert "model.read(units, activity)" in card and "model.converse" not in card
