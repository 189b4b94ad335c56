"""Kneser-Ney: by hand, and that probabilities are probabilities."""

from __future__ import annotations

import math

import pytest

from sonant.core import SonantError
from sonant.evaluation.asr.kneser_ney import FALLBACK, adjusted, discounts_of, estimate, write_arpa
from sonant.evaluation.asr.ngram import Ngram, read_arpa

TEXTS = ["THE CAT SAT ON THE MAT", "THE DOG SAT", "A CAT ON A DOG", "THE CAT SAT", "SO THE DOG IS ON THE MAT", "DOG"]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_words_after_any_history_share_a_whole(order):
    model = Ngram(estimate(TEXTS, order=order))
    words = [w[0] for w in model.entries if len(w) == 1 and w != ("<s>",)]
    for history in {w[:-1] for w in model.entries if len(w) == order} | {("NEVER", "DOG")[2 - order :], ()}:
        if len(history) < order:
            assert math.fsum(10 ** model._found(history, w)[0] for w in words) == pytest.approx(1)


def test_lower_orders_count_what_comes_before():
    ones, twos = adjusted(["A B", "C B", "A B"], 2)
    assert ones[("B",)] == 2 and ones[("A",)] == 1 and ones[("</s>",)] == 1
    assert ones[("<s>",)] == 3  # nothing is before it: occurrences
    assert twos[("A", "B")] == 2
    threes = adjusted(["A B", "C B", "A B"], 3)
    assert threes[1][("<s>", "A")] == 2 and threes[1][("B", "</s>")] == 2
    assert ("<s>",) in threes[0] and adjusted(["A"], 5)[2] == {("<s>", "A", "</s>"): 1}


def test_discounts_by_the_formula():
    counted = {(str(i),): c for i, c in enumerate([1] * 10 + [2] * 4 + [3] * 2 + [4])}
    y = 10 / 18
    assert discounts_of(counted) == pytest.approx((1 - 0.8 * y, 2 - 1.5 * y, 3 - 2 * y))
    assert discounts_of({("a",): 1}) == FALLBACK


def test_bigrams_by_hand():
    """A B twice: 'A' after <s> 2 of 2; with the fallback D2 = 1, a half is kept and a half goes to the unigrams."""
    model = Ngram(estimate(["A B", "A B"], order=2))
    unigram = 0.5 / 3 + 0.5 / 4  # seen after one word each, D1 = 0.5; what that frees is shared by 4 with <unk>
    assert 10 ** model.entries[("A",)][0] == pytest.approx(unigram)
    assert 10 ** model.entries[("<unk>",)][0] == pytest.approx(0.5 / 4)
    assert 10 ** model.entries[("<s>", "A")][0] == pytest.approx(0.5 + 0.5 * unigram)


def test_there_and_back(tmp_path):
    entries = estimate(TEXTS, order=3)
    write_arpa(tmp_path / "x.arpa", entries)
    again = read_arpa(tmp_path / "x.arpa")
    assert set(again) == set(entries)
    assert all(again[w] == pytest.approx(entries[w], abs=1e-5) for w in entries if len(w) < 3)


def test_no_text():
    with pytest.raises(SonantError, match="no sentence"):
        estimate(["", "  "])
