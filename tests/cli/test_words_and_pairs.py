"""``sonant words`` and ``sonant pairs`` as a user types them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.cli.main import main
from sonant.data.archives import write_aligned
from sonant.data.pairs import read_pairs
from sonant.data.words import read_words

ALIGNED = """s0101a 0.00 0.30 SIL
s0101a 0.30 0.95 hello
s0101a 1.00 1.20 you
s0201a 0.10 0.72 hello
s0201a 0.72 0.80 SPN
s0201a 0.80 1.60 goodbye
s0201a 2.00 2.55 hello
"""


@pytest.fixture
def alignment(tmp_path):
    (tmp_path / "x.wrd").write_text(ALIGNED)
    return tmp_path / "x.wrd"


def told(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_words_of_an_alignment_and_their_pairs(alignment, tmp_path, capsys):
    out = tmp_path / "words.tsv"
    assert main(["words", str(alignment), str(out), "--keys", "english", "--json", "-"]) == 0
    counts = told(capsys)
    assert (counts["read"], counts["too short"], counts["tokens"], counts["types"]) == (5, 1, 4, 2)
    assert [word.speaker for word in read_words(out)] == ["s01", "s02", "s02", "s02"]
    pairs = tmp_path / "pairs.tsv"
    assert main(["pairs", "words", str(out), str(pairs), "--json", "-"]) == 0
    assert told(capsys)["pairs"] == 3
    assert main(["pairs", "words", str(out), str(pairs), "--different-speakers", "--json", "-"]) == 0
    assert told(capsys)["pairs"] == 2
    assert main(["pairs", "words", str(out), str(pairs), "--most-per-label", "1", "--seed", "3"]) == 0
    assert "labels" in capsys.readouterr().out
    assert len(read_pairs(pairs)) == 1


def test_words_of_some_speakers(alignment, tmp_path, capsys):
    (tmp_path / "speakers.list").write_text("s01\n")
    rule = ["--keys", "english", "--min-seconds", "0.1", "--min-characters", "1"]
    some = ["--speakers", str(tmp_path / "speakers.list"), "--max-seconds", "0.5"]
    assert main(["words", str(alignment), str(tmp_path / "w.tsv"), *rule, *some]) == 0
    assert [word.label for word in read_words(tmp_path / "w.tsv")] == ["you"]
    assert main(["words", str(alignment), str(tmp_path / "v.tsv"), "--min-seconds", "9"]) == 2
    assert "no word is left" in capsys.readouterr().err
    assert not (tmp_path / "v.tsv").exists()


def test_isolated_words_from_file_names_to_pairs(data_dir, tmp_path, capsys):
    pattern = r"(?P<label>\d)_(?P<speaker>[a-z]+)_"
    source, corpus = data_dir / "fsdd/recordings", tmp_path / "corpus"
    assert main(["prepare", "folder", str(source), str(corpus), "--pattern", pattern]) == 0
    words, pairs = tmp_path / "words.tsv", tmp_path / "pairs.tsv"
    assert main(["words", str(corpus), str(words), "--min-seconds", "0", "--min-characters", "1"]) == 0
    capsys.readouterr()
    assert main(["pairs", "words", str(words), str(pairs), "--most-per-label", "20", "--json", "-"]) == 0
    assert told(capsys)["pairs"] == 200


def test_discovered_pairs(alignment, tmp_path, capsys):
    (tmp_path / "utd.list").write_text(
        "1 s0101a s01 20 90 s0201a s02 0 60\n"
        "1 s0101a s01 0 29 s0201a s02 0 60\n"
        "2 s0103a s01 0 60 s0201a s02 0 60\n"
        "2 s0201a s02 0 60 s0201a s02 50 70\n"
    )
    place = [str(tmp_path / "utd.list"), str(tmp_path / "pairs.tsv")]
    options = ["--keys", "english", "--vad", str(alignment), "--exclude", "s0103a", "--json", "-"]
    assert main(["pairs", "utd", *place, *options]) == 0
    counts = told(capsys)
    left_out = ("in excluded recordings", "overlapping", "without speech", "of other speakers")
    assert [counts[name] for name in left_out] == [1, 1, 1, 0]
    (pair,) = read_pairs(tmp_path / "pairs.tsv")
    assert pair.spans == (("s0101a", 0.3, 0.9), ("s0201a", 0.1, 0.6))
    (tmp_path / "speakers.list").write_text("s09\n")
    assert main(["pairs", "utd", *place, *options, "--speakers", str(tmp_path / "speakers.list")]) == 2
    assert "no pair is left" in capsys.readouterr().err
    assert main(["pairs", "utd", *place, *options, "--manifest", str(tmp_path)]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main(["pairs", "utd", *place, "--format", "7"]) == 2
    assert "line 1 has 9 fields, expected 7" in capsys.readouterr().err


def test_discovered_pairs_in_the_utterances_of_a_manifest(corpus, tmp_path):
    (tmp_path / "utd.list").write_text("a0 0.2 0.8 b1 0.1 0.6\n")
    place = [str(tmp_path / "utd.list"), str(tmp_path / "pairs.tsv")]
    assert main(["pairs", "utd", *place, "--manifest", str(corpus)]) == 0
    (pair,) = read_pairs(tmp_path / "pairs.tsv")
    assert pair.spans == (("a0", 0.2, 0.8), ("b1", 0.1, 0.6))


def test_pairs_of_archives(tmp_path, capsys):
    a, b = "hello_s0602a_044207-044257", "hello_s0801b_000010-000070"
    (tmp_path / "keys.list").write_text(f"{a} {b}\n")
    out = str(tmp_path / "pairs.tsv")
    assert main(["pairs", "keys", str(tmp_path / "keys.list"), out, "--keys", "english"]) == 0
    assert read_pairs(out)[0].label == "hello"
    assert main(["pairs", "keys", str(tmp_path / "keys.list"), out]) == 2
    assert "--keys must tell" in capsys.readouterr().err
    write_aligned(tmp_path / "x.npz", [("k", np.zeros((7, 2)), np.zeros((7, 2)))])
    assert main(["pairs", "aligned", str(tmp_path / "x.npz"), out, "--rate", "50"]) == 0
    assert read_pairs(out)[0].spans == (("k.X", 0.0, 0.14), ("k.Y", 0.0, 0.14))
