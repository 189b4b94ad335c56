import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.bootstrap import interval


def test_the_interval_of_a_mean_is_that_of_theory():
    x = np.random.default_rng(0).normal(size=400)
    low, high = interval(lambda kept: float(x[kept].mean()), np.arange(400), resamples=2000)
    half = 1.96 * x.std() / 20
    assert low == pytest.approx(x.mean() - half, abs=0.02)
    assert high == pytest.approx(x.mean() + half, abs=0.02)


def test_pairs_of_a_unit_come_together():
    """Copies of the same few values say no more than these do."""
    x = np.random.default_rng(0).normal(size=50)
    copies, units = np.repeat(x, 20), np.repeat(np.arange(50), 20)
    alone = interval(lambda kept: float(x[kept].mean()), np.arange(50))
    together = interval(lambda kept: float(copies[kept].mean()), units)
    assert together == pytest.approx(alone, abs=1e-9)


def test_same_seed_same_interval():
    x = np.random.default_rng(0).normal(size=50)
    found = [interval(lambda kept: float(x[kept].max()), np.arange(50), seed=s) for s in (3, 3, 4)]
    assert found[0] == found[1]
    with pytest.raises(SonantError, match="too few units"):
        interval(lambda kept: float("nan"), np.arange(5))
