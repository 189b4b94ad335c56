"""ARPA files and what they score."""

from __future__ import annotations

import builtins
import gzip
import math

import pytest

from sonant.core import MissingExtra, SonantError
from sonant.evaluation.asr import ngram
from sonant.evaluation.asr.kneser_ney import estimate, write_arpa
from sonant.evaluation.asr.ngram import LETTER, LN10, Kenlm, Ngram, load_ngram, read_words

ARPA = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.6\tA\t-0.3
-0.7\tB\t-0.2
-0.8\t</s>

\\2-grams:
-0.1\t<s> A
-0.2\tA B
-0.3\tB </s>

\\end\\
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.arpa").write_text(ARPA)
    return load_ngram(tmp_path / "small.arpa")


def test_scores_back_off(small):
    p, state = small.score(small.start(), "A")
    assert p == pytest.approx(-0.1 * LN10) and state == ("A",)
    p, state = small.score(state, "A")  # no 'A A': the back-off of A, and A
    assert p == pytest.approx(-0.9 * LN10)
    p, state = small.score(state, "B")
    assert p == pytest.approx(-0.2 * LN10)
    assert small.end(state) == pytest.approx(-0.3 * LN10)
    p, state = small.score(small.start(), "QQ")
    assert p == pytest.approx((-0.5 - 1.0) * LN10 + 2 * LETTER)
    assert small.end(state) == pytest.approx(-0.8 * LN10)


def test_packed_files_are_the_same(small, tmp_path):
    with gzip.open(tmp_path / "small.arpa.gz", "wt") as stream:
        stream.write(ARPA)
    assert load_ngram(tmp_path / "small.arpa.gz").entries == small.entries


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ARPA.replace("\\end\\", ""), "cut short"),
        (ARPA.replace("ngram 2=3", "ngram 2=4"), "promises"),
        (ARPA.replace("-0.2\tA B", "-0.2\tA B C D"), "line 15: not an ARPA file"),
        ("hello", "not an ARPA file"),
    ],
)
def test_a_damaged_file(text, told, tmp_path):
    (tmp_path / "x.arpa").write_text(text)
    with pytest.raises(SonantError, match=told):
        load_ngram(tmp_path / "x.arpa")
    with pytest.raises(SonantError, match="there is no language model"):
        load_ngram(tmp_path / "none.arpa")


SENTENCES = ["A B A", "B A", "A A B C", "C", "A B", "B C A B A", "C A"]


@pytest.mark.parametrize("order", [2, 3, 4])
def test_kenlm_reads_the_same(order, tmp_path):
    pytest.importorskip("kenlm", reason="the package kenlm is not installed")
    write_arpa(tmp_path / "x.arpa", estimate(SENTENCES, order=order))
    ours, theirs = load_ngram(tmp_path / "x.arpa"), Kenlm(tmp_path / "x.arpa")
    for sentence in (*SENTENCES, "C C B A B", "A QQ B"):
        states = [model.start() for model in (ours, theirs)]
        for word in sentence.split():
            scored = [model.score(state, word) for model, state in zip((ours, theirs), states, strict=True)]
            states = [state for _, state in scored]
            assert scored[0][0] == pytest.approx(scored[1][0], abs=1e-5)
        assert ours.end(states[0]) == pytest.approx(theirs.end(states[1]), abs=1e-5)
        assert math.isfinite(ours.end(states[0]))


def test_letters_that_begin_no_word_cost(small):
    model = Ngram(estimate(["THE CAT", "THEN"], order=2))
    assert model.begun("TH") == model.begun("THE") == model.begun("CAT") == 0
    assert model.begun("TC") == 2 * LETTER and model.begun("THECAT") == 6 * LETTER
    assert small.begun("A") == 0


def test_the_words_of_a_file_are_read_alone(tmp_path):
    (tmp_path / "small.arpa").write_text(ARPA)
    assert read_words(tmp_path / "small.arpa") == ["<unk>", "<s>", "A", "B", "</s>"]
    (tmp_path / "x.arpa").write_text("x")
    with pytest.raises(SonantError, match="no unigrams"):
        read_words(tmp_path / "x.arpa")


def test_a_large_file_needs_kenlm(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "kenlm":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(ngram, "LARGE", 10)
    (tmp_path / "x.arpa").write_text(ARPA)
    with pytest.raises(MissingExtra, match=r"sonant\[kenlm\]"):
        load_ngram(tmp_path / "x.arpa")
