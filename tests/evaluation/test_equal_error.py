"""The equal error rate on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.equal_error import equal_error_rate


@pytest.mark.parametrize(
    ("same", "other", "rate"),
    [
        ([3, 4], [1, 2], 0.0),
        ([1, 2], [3, 4], 1.0),
        ([1, 3], [2, 4], 0.5),
        ([2, 3, 4, 5], [0, 1, 2.5, 0.5], 0.25),
        ([1, 1], [1, 1], 0.5),  # no information
    ],
)
def test_known_answers(same, other, rate):
    scores, flags = np.array([*same, *other]), np.array([True] * len(same) + [False] * len(other))
    assert equal_error_rate(scores, flags) == pytest.approx(rate)
    assert equal_error_rate(scores[::-1], flags[::-1]) == pytest.approx(rate)


def test_two_normal_distributions():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.standard_normal(50000) + 2, rng.standard_normal(80000)])
    rate = equal_error_rate(scores, np.arange(130000) < 50000)
    assert rate == pytest.approx(0.1587, abs=0.003)  # the normal distribution's tail beyond one deviation


def test_one_kind_is_refused():
    with pytest.raises(SonantError, match="both kinds"):
        equal_error_rate(np.zeros(3), np.ones(3, bool))
