from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.unit_ngrams import bigram_perplexity, unigram_perplexity


def test_by_hand():
    train, test = [np.array([0, 0, 1])], [np.array([1, 0])]
    assert unigram_perplexity(train, test, units=2) == pytest.approx(5 / 3)  # (2 + 1) / (3 + 2)
    # 1 was seen with no unit after it: (0 + 1 * 3/5) / (0 + 1); 0 with two: (1 + 2 * 2/5) / (2 + 2)
    assert bigram_perplexity(train, test, units=2) == pytest.approx(5 / 3)
    assert bigram_perplexity(train, [np.array([0, 1])], units=2) == pytest.approx(4 / 1.8)


def test_what_they_know():
    draws = np.random.default_rng(0)
    chance = [draws.integers(8, size=3000)]
    assert unigram_perplexity(chance, chance, units=8) == pytest.approx(8, rel=0.01)
    wheel = [np.arange(4000) % 8]
    assert unigram_perplexity(wheel, wheel, units=8) == pytest.approx(8, rel=0.01)
    assert bigram_perplexity(wheel, wheel, units=8) == pytest.approx(1, rel=0.02)


def test_probabilities_sum_to_one():
    train = [np.random.default_rng(1).integers(5, size=40)]
    for first in range(6):
        shares = [1 / bigram_perplexity(train, [np.array([first, after])], units=6) for after in range(6)]
        assert sum(shares) == pytest.approx(1)


def test_nothing_to_predict():
    with pytest.raises(SonantError, match="no utterance has two units"):
        unigram_perplexity([np.array([1])], [np.array([1])], units=2)
