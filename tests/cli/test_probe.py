"""``sonant eval probe`` as typed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from sonant.actions.probe import fresh, probe, probes
from sonant.build import load
from sonant.cli.main import main
from sonant.core import SonantError
from sonant.data.manifest import Manifest, ManifestWriter


def command(task: str, corpus, *rest: str) -> list[str]:
    return ["eval", "probe", task, "--train", str(corpus), "--test", str(corpus), "--steps", "2", *rest]


def test_a_probe_of_speakers(corpus, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["--model", str(trained), "--crop-seconds", "0.5", "--batch-size=4"]
    assert main(command("speaker", corpus, *small, "--results", "results.jsonl", "--name", "mine")) == 0
    assert "accuracy" in capsys.readouterr().out
    assert main(command("speaker", corpus, *small, "--json", "-", "--encoder-lr", "1e-4", "--random")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["task"], told["settings"]["probe"], told["settings"]["encoder"]) == ("probe", "speaker", "fine-tuned")
    assert told["settings"]["batch_size"] == 4
    assert told["model"] == f"{trained} (random)"
    assert told["classes"] == 3
    assert sum(told["layers"].values()) == pytest.approx(1)
    assert json.loads((tmp_path / "results.jsonl").read_text())["model"] == "mine"
    assert main(["report", "results.jsonl", "page.html"]) == 0
    assert "probe accuracy" in (tmp_path / "page.html").read_text()


def test_a_fine_tuned_model_is_kept(corpus, trained, tmp_path, capsys):
    out = tmp_path / "tuned"
    given = ["--model", str(trained), "--crop-seconds", "0.5", "--batch-size=4", "--hold-out", "0"]
    assert main(command("speaker", corpus, *given, "--encoder-lr", "1e-3", "--save", str(out), "--json", "-")) == 0
    tuned, before = load(out), load(trained)
    names = [name for name, weight in tuned.named_parameters() if not torch.equal(weight, before.state_dict()[name])]
    assert len(names) > len(list(tuned.parameters())) // 2
    told = tuned.config["training"]["fine_tuned"]
    assert (told["probe"], told["encoder_lr"], told["steps"]) == ("speaker", 1e-3, 2)
    assert "| fine-tuned | " in (out / "README.md").read_text()
    capsys.readouterr()
    assert main(command("speaker", corpus, "--model", str(out), "--json", "-")) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["encoder"] == "frozen"


@pytest.mark.parametrize(
    ("task", "rest", "told"),
    [
        ("spaeker", [], "Did you mean 'speaker'"),
        ("phone", [], "needs times of phones"),
        ("emotion", [], "--labels TSV"),
        ("speaker", ["--layer", "d"], "unknown layer 'd'"),
        ("speaker", ["--lr", "fast"], "'lr' must be a number"),
        ("speaker", ["--layre", "z"], "Did you mean '--layer'"),
        ("speaker", ["--protocol", "supreb"], "Did you mean 'superb'"),
        ("speaker", ["--train-arrays", "."], "this model reads audio"),
        ("speaker", ["--results", "."], "'.' is a folder"),
        ("speaker", ["--save", "tuned"], "this encoder is frozen: give --encoder-lr"),
        ("speaker", ["--labels", "none.tsv"], "cannot read 'none.tsv'"),
    ],
)
def test_mistakes_are_one_line(task, rest, told, corpus, capsys):
    assert main(command(task, corpus, "--model", "mfcc", *rest)) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("sonant: error: ")
    assert told in said
    assert "\n" not in said


def test_every_task_tells_its_options(capsys):
    assert len(probes()) == 10
    for task in probes():
        with pytest.raises(SystemExit) as left:
            main(["eval", "probe", task, "--help"])
        assert left.value.code == 0
        assert "--normalise" in capsys.readouterr().out


def test_the_published_protocol_and_what_is_given_before_it(corpus, tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text("key\tlabel\n" + "".join(f"{u.id}\t{u.speaker}\n" for u in Manifest.open(corpus)))
    settings = {"steps": 1, "labels": str(table)}
    _, line = probe("keyword", model="mfcc", train=corpus, test=corpus, protocol="superb", settings=settings)
    assert (line.settings["steps"], line.settings["lr"], line.settings["eval_every"]) == (1, 1e-4, 5000)


def test_a_model_on_arrays_reads_those_of_the_manifest(corpus, tmp_path, capsys):
    from sonant.actions.extract import extract
    from sonant.build import representation_of, save

    whole, half = tmp_path / "whole", tmp_path / "half"
    for number, folder in enumerate((whole, half)):
        with ManifestWriter(folder) as writer:
            for u in Manifest.open(corpus):
                writer.add(replace(u, id=f"{number}-{u.id}"))
            writer.finish()
        extract("mfcc", folder, folder / "arrays")
    model = {"encoder": {"name": "identity"}, "context": {"name": "identity"}, "layer": "z"}
    features = {"features": {"name": "arrays", "dim": 39, "rate": 100.0}}
    save(representation_of({"sample_rate": 16000, **features, **model}), tmp_path / "m")
    settings = {"steps": 2, "crop_seconds": 0.5, "pool": "statistics"}
    found = [
        probe("speaker", model=m, train=whole, test=half, settings=settings)[0] for m in (str(tmp_path / "m"), "mfcc")
    ]
    assert found[0].figures == found[1].figures
    assert found[0].counts == found[1].counts
    with pytest.raises(SonantError, match="has none; give them: --train-arrays"):
        probe("speaker", model=str(tmp_path / "m"), train=corpus, test=half)


def test_fresh_weights_depend_on_the_seed_alone(trained):
    model = load(trained)
    a, b, c = fresh(model, 0), fresh(model, 0), fresh(model, 1)
    weights = [torch.cat([p.flatten() for p in one.parameters()]) for one in (model, a, b, c)]
    assert torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[1], weights[3])
    assert not torch.equal(weights[1], weights[0])
