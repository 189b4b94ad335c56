"""``sonant run pretrain`` and ``sonant table`` as a user types them."""

from __future__ import annotations

import csv
import json

import pytest

from sonant.cli.main import main

from .conftest import SMALL


@pytest.fixture(scope="module")
def experiments(corpus, tmp_path_factory):
    """Two experiments of three steps, and a broken line among the scores of one."""
    exp = tmp_path_factory.mktemp("study") / "exp"
    for version in ("0", "1"):
        words = ["--exp", str(exp), "--config", "cpc-laptop", "--version", version, "--manifest", str(corpus)]
        assert main(["run", "pretrain", *words, "--seed", version, *SMALL]) == 0
    scores = exp / "cpc-laptop" / "version_0" / "scores"
    scores.mkdir()
    line = {"task": "abx", "figure": {"error": 0.25}, "settings": {"speaker": "across"}}
    (scores / "abx.jsonl").write_text(json.dumps(line) + '\n{"task": \n')
    return exp


def test_experiments_are_joined_and_what_is_broken_is_named(experiments, tmp_path, capsys):
    assert main(["table", str(experiments), "--csv", str(tmp_path / "t.csv"), "--json", str(tmp_path / "t.json")]) == 0
    said = capsys.readouterr()
    assert "cpc-laptop/version_1" in said.out and "25.0 %" in said.out
    assert "abx.jsonl, line 2: not JSON" in said.err
    first, second = csv.DictReader((tmp_path / "t.csv").open())
    assert (first["train.seed"], second["train.seed"]) == ("0", "1")
    assert first["context_ms"] == "whole" and int(first["parameters"]) > 0 and float(first["cpu_seconds"]) > 0
    assert (first["abx.across.error"], second["abx.across.error"]) == ("0.25", "")
    assert json.loads((tmp_path / "t.json").read_text())["rows"][1]["abx.across.error"] is None


def test_means_over_seeds_and_the_plot(experiments, tmp_path, capsys):
    plot = tmp_path / "p.svg"
    words = ["--over", "seed", "--columns", "experiment,n,valid_loss", "--plot", str(plot), "--y", "valid_loss"]
    assert main(["table", str(experiments), *words]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["experiment", "n", "valid_loss", "valid_loss", "sd"]
    assert said[1].split()[:2] == ["cpc-laptop/0+1", "2"]
    assert plot.read_text().startswith("<svg") and "whole" in plot.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--plot", "p.svg"], "--plot needs --y"),
        (["--plot", "p.png", "--y", "valid_loss"], "must end in .svg"),
        (["--sort", "los"], "no column 'los'"),
        (["--columns", "seed,abx.within"], "no column 'abx.within'"),
        (["--over", "valid_loss"], "takes a setting, not valid_loss"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(experiments, words, told, capsys):
    assert main(["table", str(experiments), *words]) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_a_frozen_experiment_refuses_another_setting(experiments, capsys):
    words = ["run", "pretrain", "--exp", str(experiments), "--config", "cpc-laptop", "--version", "1"]
    assert main([*words, "--optim.lr", "0.5"]) == 2
    said = capsys.readouterr().err
    assert "-> 0.5. Leave" in said and "optim.lr" in said
    assert "--version 2 is free" in said
