from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.turn_taking.baselines import majority_scores, random_scores
from sonant.evaluation.turn_taking.metrics import area, curve, scores_at
from sonant.evaluation.turn_taking.scoring import (
    TASKS_2022,
    TASKS_2023,
    Samples,
    joined,
    region_values,
    samples_of_task,
)

NAMES = {"hs": "shift_hold", "pred_shift": "shift_prediction", "ls": "long_short"}


@pytest.fixture(scope="module")
def known(oracle_dir):
    return np.load(oracle_dir / "conversation" / "aggregation.npz")


def samples(known, task: str, probabilities: dict[str, str]) -> Samples:
    parts = []
    for batch in (0, 1):
        tables = {name[10:]: known[name] for name in known.files if name.startswith("pt_events_")}
        events = {kind: table[table[:, 0] == batch, 1:] for kind, table in tables.items()}
        read = {name: known[array][batch] for name, array in probabilities.items()}
        parts.append(samples_of_task(TASKS_2023[task], read, events))
    return joined(parts)


@pytest.mark.parametrize("name", NAMES)
def test_samples_and_scores(known, name):
    found = samples(known, NAMES[name], {"p_now": "p_now", "p_future": "p_future"})
    np.testing.assert_array_equal(found.prediction_M, known[f"pt_pred_{name}"])
    np.testing.assert_array_equal(found.target_M, known[f"pt_target_{name}"])
    scores = scores_at(found)
    assert scores.f1 == pytest.approx(float(known[f"f1w_{name}"]), abs=1e-6)
    assert [scores.accuracy_0, scores.accuracy_1] == pytest.approx(known[f"acc_{name}"].tolist(), abs=1e-6)


def zero_shot(known, name):
    if name == "pred_backchannel":
        return samples(known, "backchannel_prediction", {"p_now": "zs_p_bc"})
    return samples(known, NAMES[name], {"p_now": "zs_p", "p_future": "zs_p"})


@pytest.mark.parametrize("name", ["hs", "pred_shift", "ls", "pred_backchannel"])
def test_zero_shot_samples(known, name):
    found = zero_shot(known, name)
    np.testing.assert_array_equal(found.prediction_M, known[f"zs_pred_{name}"])
    np.testing.assert_array_equal(found.target_M, known[f"zs_target_{name}"])


@pytest.mark.parametrize("name", ["pred_shift", "ls", "pred_backchannel"])
def test_curves(known, name):
    found = curve(zero_shot(known, name))
    np.testing.assert_allclose(found.threshold_H, known["curve_thresholds"], atol=1e-6)
    pairs = {
        "f1": "f1", "bacc": "balanced_accuracy", "prec1": "precision_1", "rec1": "accuracy_1", "prec0": "precision_0",
        "rec0": "accuracy_0",
    }  # fmt: skip
    for theirs, ours in pairs.items():
        np.testing.assert_allclose(getattr(found.scores, ours), known[f"curve_{name}_{theirs}"], atol=2e-6)
    assert found.best() == pytest.approx(float(known[f"curve_{name}_best_threshold"]), abs=1e-6)


def test_scores_by_definition():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    target = (rng.random(300) < 0.3).astype(int)
    prediction = np.clip(0.3 * target + 0.7 * rng.random(300), 0, 1)
    for threshold in (0.2, 0.5, 0.8):
        called = prediction.astype(np.float32) >= np.float32(threshold)
        scores = scores_at(Samples(prediction, target), threshold)
        assert scores.f1 == pytest.approx(metrics.f1_score(target, called, average="weighted", zero_division=0))
        assert scores.f1_1 == pytest.approx(metrics.f1_score(target, called, zero_division=0))
        assert scores.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(target, called))
        assert scores.accuracy == pytest.approx(metrics.accuracy_score(target, called))


def test_values_of_regions():
    p = np.arange(20).reshape(10, 2) / 100
    table = np.array([[1, 3, 0], [4, 5, 1], [8, 14, 1], [12, 14, 0]])
    assert region_values(p, table).tolist() == [0.02, 0.04, 0.09, 0.17, 0.19]
    assert region_values(p, table, per="event").tolist() == pytest.approx([0.03, 0.09, 0.18])
    assert region_values(p, table[:0]).shape == (0,)
    assert region_values(p, table[:0], per="event").shape == (0,)


def test_one_decision_for_each_event():
    events = {"shift": np.array([[0, 4, 1]]), "hold": np.array([[4, 8, 0], [8, 10, 1]])}
    p_now = np.repeat([[0.2, 0.8]], 10, axis=0)
    found = samples_of_task(TASKS_2023["shift_hold"], {"p_now": p_now}, events, per="event")
    assert found.prediction_M.tolist() == pytest.approx([0.8, 0.8, 0.2])
    assert found.target_M.tolist() == [1, 0, 0]
    assert scores_at(found).balanced_accuracy == pytest.approx(0.75)


def test_baselines():
    target = np.r_[np.ones(300, dtype=int), np.zeros(700, dtype=int)]
    some = Samples(np.full(1000, 0.4), target)
    majority = majority_scores(some)
    assert (majority.accuracy, majority.balanced_accuracy, majority.accuracy_0) == (0.7, 0.5, 1.0)
    assert majority_scores(some, train_target_M=np.ones(3)).accuracy == 0.3
    coin = random_scores(some, seed=1)
    assert coin == random_scores(some, seed=1) != random_scores(some, seed=2)
    assert abs(coin.balanced_accuracy - 0.5) < 0.06


def test_labels_that_do_not_occur():
    scores = scores_at(Samples(np.array([0.9, 0.1]), np.array([1, 1])))
    assert np.isnan(scores.accuracy_0)
    assert np.isnan(scores.balanced_accuracy)
    assert scores.accuracy == 0.5


def test_what_cannot_be_scored():
    task = TASKS_2022["shift_prediction"]
    with pytest.raises(SonantError, match="p_next"):
        samples_of_task(task, {"p_now": np.zeros((5, 2))}, {})
    with pytest.raises(SonantError, match="balancing"):
        samples_of_task(task, {"p_next": np.zeros((5, 2))}, {"pre_shift": np.zeros((0, 3))})
    with pytest.raises(SonantError, match="no event to score"):
        scores_at(Samples(np.zeros(0), np.zeros(0)))
    with pytest.raises(SonantError, match="NaN"):
        scores_at(Samples(np.array([np.nan]), np.array([1])))
    with pytest.raises(SonantError, match="no dialogue"):
        joined([])


def test_area_counts_pairs():
    prediction_M, target_M = np.array([0.1, 0.4, 0.4, 0.9, 0.2]), np.array([0, 0, 1, 1, 1])
    pairs = [(a > b) + 0.5 * (a == b) for a in prediction_M[target_M == 1] for b in prediction_M[target_M == 0]]
    assert area(Samples(prediction_M, target_M)) == pytest.approx(np.mean(pairs))
    assert np.isnan(area(Samples(prediction_M, np.ones(5, dtype=int))))


def test_a_coin_has_half_the_area():
    rng = np.random.default_rng(0)
    coin = Samples(rng.random(4000), (rng.random(4000) < 0.2).astype(int))
    assert area(coin) == pytest.approx(0.5, abs=0.03)
