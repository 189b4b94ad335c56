"""Scores, files of texts, and the grid."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.data.manifest import Utterance
from sonant.evaluation.asr.beam import Search
from sonant.evaluation.asr.decode import Decoded, decode, tuned, word_error, write_texts
from sonant.evaluation.asr.units import SPACE, Units

UNITS = Units(["A", "B", SPACE])
PAIRS = [
    ("THE CAT SAT", "THE CAT SAT"),
    ("THE CAT SAT", "A CAT SAT DOWN"),
    ("IT'S LATE", ""),
    ("ONE TWO THREE FOUR", "TWO THREE THREE FOUR FOUR"),
]


def decoded() -> Decoded:
    utterances = tuple(Utterance(id=f"u{i}", path="x", speaker="s" if i else None) for i in range(len(PAIRS)))
    return Decoded(utterances, *zip(*PAIRS, strict=True))


def test_figures_are_those_of_the_standard_scorer():
    jiwer = pytest.importorskip("jiwer", reason="the package jiwer is not installed")
    references, hypotheses = map(list, zip(*PAIRS, strict=True))
    found = decoded().figures
    assert found["wer"] == pytest.approx(jiwer.wer(references, hypotheses))
    assert found["cer"] == pytest.approx(jiwer.cer(references, hypotheses))
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["A", "BB", "CCC", "D"], size=rng.integers(1, 9))) for _ in range(60)]
    assert word_error(texts[:30], texts[30:]) == pytest.approx(jiwer.wer(texts[:30], texts[30:]))


def test_texts_for_sclite(tmp_path):
    write_texts(tmp_path, decoded())
    assert (tmp_path / "ref.trn").read_text().splitlines()[:2] == ["THE CAT SAT (unknown-u0)", "THE CAT SAT (s-u1)"]
    assert (tmp_path / "hyp.trn").read_text().splitlines()[2] == "(s-u2)"
    rows = [line.split("\t") for line in (tmp_path / "texts.tsv").read_text().splitlines()]
    assert rows[0] == ["utterance", "ref", "hyp"]
    assert rows[3] == ["u2", "IT'S LATE", ""]


def test_the_grid_finds_the_bonus_of_words():
    """Spaces are a little less likely than blanks: only with a bonus for words are they written."""
    log_TC = np.log(np.array([[0.02, 0.94, 0.02, 0.02], [0.6, 0.0001, 0.0001, 0.3998], [0.02, 0.02, 0.94, 0.02]]))
    assert decode([log_TC], UNITS, Search()) == ["AB"]
    how, error = tuned([log_TC], ["A B"], UNITS, Search(), alphas=(0.0,))
    assert (how.beta, error) == (1.0, 0.0)
    assert decode([log_TC], UNITS, how) == ["A B"]
