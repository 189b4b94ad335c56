"""``sonant eval same-different`` and ``word-embedding`` as typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.cli.main import main


@pytest.fixture
def words(tmp_path, monkeypatch):
    """``words.npz`` and ``words.tsv`` in the working folder."""
    rng = np.random.default_rng(0)
    shapes = rng.standard_normal((4, 12, 5))
    tokens = {f"t{number}": shapes[number % 4] + 0.3 * rng.standard_normal((12, 5)) for number in range(20)}
    monkeypatch.chdir(tmp_path)
    np.savez("words.npz", **tokens)
    lines = [f"t{number}\tw{number % 4}\ts{number % 3}" for number in range(20)]
    (tmp_path / "words.tsv").write_text("\n".join(["key\tlabel\tspeaker", *lines]) + "\n")
    return tmp_path


def test_same_different(words, capsys):
    command = ["eval", "same-different", "--features", "words.npz", "--labels", "words.tsv", "--distance", "cosine"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "average precision (different speakers)" in shown
    assert "pairs per second" in shown
    assert main([*command, "--json", "-", "--results", "results.jsonl", "--name", "mine"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["task"] == "same_different"
    assert told["figure"]["ap"] > 0.9
    assert told["pairs"] == 190
    assert told["peak_mb"] > 1
    kept = json.loads((words / "results.jsonl").read_text())
    assert kept["model"] == "mine"
    assert main(["report", "results.jsonl", "page.html"]) == 0
    assert "same-different average precision" in (words / "page.html").read_text()


def test_word_embedding(words, capsys):
    command = ["eval", "word-embedding", "--features", "words.npz", "--labels", "words.tsv", "--distance", "euclidean"]
    for how in ("resample", "interpolate", "blocks"):
        made = [*command, "--how", how, "--samples", "4", "--dims", "3", "--mvn", "--json", f"{how}.json"]
        assert main(made) == 0
        told = json.loads((words / f"{how}.json").read_text())
        assert told["figure"]["ap"] > 0.5
        assert (told["settings"]["how"], told["settings"]["samples"], told["settings"]["mvn"]) == (how, 4, True)
    assert f"{how} to 4 frames, standardised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        (["--labels", "words.tsv"], "needs features"),
        (["--features", "words.npz", "--labels", "other.tsv"], "cannot read"),
        (["--features", "words.npz"], "does not tell its word"),
        (["--features", "words.npz", "--labels", "wrong.tsv"], "not in 'words.npz': t99"),
    ],
)
def test_mistakes_are_one_line(words, capsys, rest, told):
    (words / "wrong.tsv").write_text("t0 w s\nt99 w s\n")
    assert main(["eval", "same-different", *rest, "--distance", "cosine"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("sonant: error: ")
    assert told in said
    assert "\n" not in said
