"""Term-weighted value against every threshold tried in turn."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.term_detection import BETA, maximum_term_weighted_value, standardised


def brute(score, hit, trial, beta):
    best = 0.0
    for threshold in np.unique(score[trial]):
        values = []
        for s, h, t in zip(score, hit, trial, strict=True):
            yes, no = t & h, t & ~h
            miss = (s[yes] < threshold).mean()
            alarm = (s[no] >= threshold).mean() if no.any() else 0.0
            values.append(1 - miss - beta * alarm)
        best = max(best, float(np.mean(values)))
    return best


@pytest.mark.parametrize("beta", [0.2, 1.0, BETA])
def test_equals_the_search_over_thresholds(beta):
    rng = np.random.default_rng(0)
    for _ in range(20):
        hit, trial = rng.random((5, 9)) < 0.3, rng.random((5, 9)) < 0.8
        hit[:, 0] = trial[:, 0] = True
        score = np.round(rng.standard_normal((5, 9)) + 2 * hit, 1)
        assert maximum_term_weighted_value(score, hit, trial, beta=beta) == pytest.approx(
            brute(score, hit, trial, beta)
        )


def test_perfect_and_absent():
    hit, every = np.eye(3, dtype=bool), np.ones((3, 3), bool)
    assert maximum_term_weighted_value(hit.astype(float), hit, every) == pytest.approx(1.0)
    assert maximum_term_weighted_value(-hit.astype(float), hit, every) == 0.0
    assert pytest.approx(12.49, abs=0.01) == BETA
    with pytest.raises(SonantError, match="must occur"):
        maximum_term_weighted_value(np.zeros((1, 3)), np.zeros((1, 3), bool), np.ones((1, 3), bool))


def test_standardised_over_trials_alone():
    score = np.array([[1.0, 2.0, 3.0, 99.0]])
    found = standardised(score, np.array([[True, True, True, False]]))[0, :3]
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=1e-12)
