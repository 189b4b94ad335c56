from __future__ import annotations

import numpy as np
import pytest

from sonant.core import FrameGeometry, SonantError
from sonant.evaluation.units import agreement, joint_counts, mean_run, perplexity, phones_of_frames


def test_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    draws = np.random.default_rng(0)
    phone, unit = draws.integers(5, size=400), draws.integers(9, size=400)
    unit = np.where(draws.random(400) < 0.5, phone, unit)
    found = agreement(joint_counts(phone, unit, phones=5, units=9))
    homogeneity, _, v_measure = metrics.homogeneity_completeness_v_measure(phone, unit)
    assert found["pnmi"] == pytest.approx(homogeneity)
    assert found["v_measure"] == pytest.approx(v_measure)


def test_purities_by_hand():
    found = agreement([[6, 2, 0], [1, 3, 4]])
    assert found["phone_purity"] == pytest.approx((6 + 3 + 4) / 16)
    assert found["cluster_purity"] == pytest.approx((6 + 4) / 16)


def test_the_best_and_the_worst():
    best = agreement(np.eye(4))
    assert all(value == pytest.approx(1) for value in best.values())
    one_unit = agreement([[3], [1]])
    assert (one_unit["pnmi"], one_unit["v_measure"]) == (0, 0)
    assert one_unit["phone_purity"] == 0.75
    assert agreement(np.ones((3, 5)))["pnmi"] == pytest.approx(0, abs=1e-12)


def test_frames_without_a_phone_do_not_count():
    phone, unit = np.array([0, -1, 1, 7, 1]), np.array([2, 0, 1, 1, 1])
    assert joint_counts(phone, unit, phones=2, units=3).tolist() == [[0, 0, 1], [0, 2, 0]]


@pytest.mark.parametrize("counts", [np.zeros((2, 2)), [[3, 4]]])
def test_nothing_to_agree_with(counts):
    with pytest.raises(SonantError):
        agreement(counts)


def test_use_and_runs():
    assert perplexity(np.array([5, 5, 5, 5, 0])) == pytest.approx(4)
    assert perplexity(np.array([0, 3])) == pytest.approx(1)
    assert mean_run([np.array([1, 1, 1, 2]), np.array([2, 2])]) == pytest.approx(2)


def test_phones_of_frames():
    geometry, number = FrameGeometry(1000, hop=10, window=10), {"b": 0}
    segments = [("sil", 0.0, 0.02), ("a", 0.02, 0.04), ("b", 0.04, 0.05)]
    found = phones_of_frames(segments, 7, geometry, number=number, silence=False)
    assert found.tolist() == [-1, -1, 1, 1, 0, -1, -1]
    assert number == {"b": 0, "a": 1}
    assert phones_of_frames(segments, 7, geometry, number=number, silence=True).tolist() == [2, 2, 1, 1, 0, -1, -1]
    assert phones_of_frames(None, 2, geometry, number=number, silence=True).tolist() == [-1, -1]
