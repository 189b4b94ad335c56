"""``sonant eval asr`` and ``sonant lm`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sonant.cli.main import main
from sonant.data.manifest import Manifest, ManifestWriter

TEXTS = ("so do you", "do you play", "you play so", "play you")
QUICK = ["--epochs", "1", "--short-epochs", "1", "--hidden", "8", "--layers", "1", "--batch-size", "4"]


@pytest.fixture(scope="session")
def spoken(corpus, tmp_path_factory) -> Path:
    """The corpus with texts."""
    folder = tmp_path_factory.mktemp("spoken") / "spoken"
    from dataclasses import replace

    with ManifestWriter(folder) as writer:
        for number, u in enumerate(Manifest.open(corpus)):
            writer.add(replace(u, text=TEXTS[number % len(TEXTS)]))
        writer.finish()
    return folder


@pytest.fixture(scope="session")
def recogniser(spoken, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("asr") / "asr"
    assert main(["eval", "asr", "--model", "mfcc", "--train", str(spoken), "--out", str(out), *QUICK]) == 0
    return out


def test_train_and_score_in_one(spoken, trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["eval", "asr", "--model", str(trained), "--layer", "all", "--train", str(spoken), "--test", str(spoken)]
    command += ["--out", "asr", *QUICK, "--results", "results.jsonl", "--name", "mine", "--logits"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "stage 2, epoch 1" in said.err and "WER" in said.out
    assert main([*command, "--json", "-"]) == 0  # found finished
    again = capsys.readouterr()
    assert "epoch" not in again.err
    told = json.loads(again.out)[0]
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert lines[0]["figure"] == lines[1]["figure"] == told["figure"]
    assert set(told["figure"]) == {"wer", "cer"}
    assert (told["task"], told["model"], told["data"]) == ("asr", "mine", "spoken")
    assert told["settings"]["decoding"] == "greedy" and told["settings"]["lm"] == "none"
    assert sum(told["layers"].values()) == pytest.approx(1)
    place = tmp_path / "asr" / "decoded" / "greedy"
    assert len((place / "hyp.trn").read_text().splitlines()) == len((place / "ref.trn").read_text().splitlines()) == 12
    logits = np.load(next((place / "logits").glob("*.npy")))
    assert np.exp(logits).sum(1) == pytest.approx(1, abs=1e-4)
    assert main(["report", "results.jsonl", "page.html"]) == 0


def test_with_a_language_model(spoken, recogniser, tmp_path, capsys):
    lm = str(tmp_path / "lm.arpa")
    assert main(["lm", str(recogniser / "train.txt"), lm, "--order", "2", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == 0
    command = ["eval", "asr", "--decode-only", "--out", str(recogniser), "--test", str(spoken), "--lm", lm]
    assert main([*command, "--beam", "4", "--texts", str(tmp_path / "texts"), "--json", "-"]) == 0
    tuned = json.loads(capsys.readouterr().out)[0]
    assert tuned["settings"]["decoding"] == "beam4-lm" and tuned["tuned_on"] == 4
    assert tuned["settings"]["alpha"] in (1, 1 / 2, 1 / 3, 1 / 4)
    assert (tmp_path / "texts" / "texts.tsv").is_file()
    given = [*command, "--alpha", "0.3", "--beta", "1", "--texts", str(tmp_path / "given"), "--json", "-"]
    assert main(given) == 0
    told = json.loads(capsys.readouterr().out)[0]
    assert (told["settings"]["alpha"], told["settings"]["beta"]) == (0.3, 1.0)
    assert "tuned_on" not in told


def test_a_language_model_without_what_is_tested(spoken, tmp_path, capsys):
    text = tmp_path / "more.txt"
    text.write_text("So do you!\nAnd they don't play.\n\n")
    assert main(["lm", str(text), str(tmp_path / "lm.arpa"), "--without", str(spoken), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sentences"], told["left_out"], told["words"]) == (1, 1, 4)
    assert "DON'T" in (tmp_path / "lm.arpa").read_text()


def test_extracted_arrays_give_the_same_frames(spoken, recogniser, tmp_path, capsys):
    assert main(["extract", "mfcc", str(spoken), str(tmp_path / "frames")]) == 0
    command = ["eval", "asr", "--features", str(tmp_path / "frames"), "--train", str(spoken), "--test", str(spoken)]
    assert main([*command, "--out", str(tmp_path / "asr"), *QUICK]) == 0
    one, two = ((place / "train.txt").read_text() for place in (recogniser, tmp_path / "asr"))
    assert one == two


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        (["--model", "mfcc"], "give --train"),
        (["--train", "{spoken}"], "give either a model (--model) or extracted arrays"),
        (["--model", "mfcc", "--train", "{corpus}"], "has a transcript, which asr needs"),
        (["--model", "mfcc", "--train", "{spoken}", "{spoken}"], "comes twice"),
        (["--model", "mfcc", "--train", "{spoken}", "--lr", "fast"], "'lr' must be a number"),
        (["--model", "mfcc", "--train", "{spoken}", "--alpha", "1"], "give --lm too"),
        (["--model", "mfcc", "--train", "{spoken}", "--layer", "d"], "unknown layer 'd'"),
        (["--decode-only", "--test", "{spoken}"], "holds no recogniser"),
        (["--decode-only"], "needs --test"),
    ],
)
def test_mistakes_are_one_line(rest, told, corpus, spoken, tmp_path, capsys):
    words = [word.format(spoken=spoken, corpus=corpus) for word in rest]
    assert main(["eval", "asr", "--out", str(tmp_path / "new"), *words]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("sonant: error: ")
    assert told in said
    assert "\n" not in said


def test_another_model_in_the_same_folder_is_refused(spoken, recogniser, capsys):
    command = ["eval", "asr", "--model", "logmel", "--train", str(spoken), "--out", str(recogniser), *QUICK]
    assert main(command) == 2
    assert "holds a recogniser of other settings" in capsys.readouterr().err
