"""Distances of words against loops over pairs, and however the work is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation import _sd_distances as module
from sonant.evaluation._sd_distances import dtw_distances, vector_distances


def slow_frame(x, y, distance):
    """One frame distance in float64."""
    if distance == "cosine":
        return 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    square = ((x - y) ** 2).sum()
    return square if distance == "sqeuclidean" else square**0.5


def slow_cost(x_TD, y_TD, distance):
    """Accumulated cost of the cheapest path: steps right, down and diagonal, all of weight one."""
    cost = np.full((len(x_TD) + 1, len(y_TD) + 1), np.inf)
    cost[0, 0] = 0
    for i, x in enumerate(x_TD):
        for j, y in enumerate(y_TD):
            cost[i + 1, j + 1] = slow_frame(x, y, distance) + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    return cost[-1, -1]


def words(count=9, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((rng.integers(1, 9), 4)) for _ in range(count)]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "sqeuclidean"])
def test_dtw_equals_loops(distance):
    x = words()
    pairs = list(itertools.combinations(x, 2))
    expected = np.array([slow_cost(a, b, distance) / (len(a) + len(b)) for a, b in pairs])
    found = dtw_distances(x, distance=distance, precision="float64")
    assert found.dtype == np.float64
    assert np.abs(found - expected).max() < 1e-12
    assert np.allclose(dtw_distances(x, distance=distance), expected, rtol=1e-5, atol=1e-6)
    raw = dtw_distances(x, distance=distance, normalise="none", precision="float64")
    assert np.allclose(raw, [slow_cost(a, b, distance) for a, b in pairs])
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in x]
    assert np.allclose(
        dtw_distances(x, distance=distance, unit=True, precision="float64"),
        dtw_distances(unit, distance=distance, precision="float64"),
    )


def test_stripes_lists_and_threads_change_nothing(monkeypatch):
    x, said = words(40), []
    whole = dtw_distances(x, threads=1, precision="float64")
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 130)
    striped = dtw_distances(x, threads=3, precision="float64", progress=lambda *counts: said.append(counts))
    assert np.allclose(striped, whole, atol=1e-12)
    assert said[-1] == (780, 780)
    assert len(said) == 14
    i, j = np.triu_indices(40, 1)
    order = np.random.default_rng(1).permutation(780)[:200]
    swap = order % 2 == 0
    first, second = np.where(swap, j[order], i[order]), np.where(swap, i[order], j[order])
    named = dtw_distances(x, (first, second), precision="float64", progress=lambda *counts: said.append(counts))
    assert np.allclose(named, whole[order], atol=1e-12)
    assert said[-1] == (200, 200)


def test_a_pair_alone_is_as_in_the_whole():
    x = words(30, seed=5)
    whole = dtw_distances(x)
    for place, (a, b) in enumerate(itertools.combinations(x, 2)):
        if place % 37 == 0:
            assert dtw_distances([a, b])[0] == pytest.approx(whole[place], abs=1e-6)


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "sqeuclidean", "chebyshev", "hamming"])
def test_vectors_equal_scipy(distance, monkeypatch):
    pdist = pytest.importorskip("scipy.spatial.distance", reason="SciPy is not installed").pdist
    x = np.random.default_rng(0).standard_normal((40, 7)).round(1)
    expected = pdist(x, distance)
    assert np.allclose(vector_distances(x, distance=distance, precision="float64"), expected, atol=1e-12)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 100)
    assert np.allclose(vector_distances(x, distance=distance), expected, atol=1e-6)
    i, j = np.triu_indices(40, 1)
    assert np.allclose(vector_distances(x, (j, i), distance=distance, precision="float64"), expected, atol=1e-12)


def test_mistakes():
    x = words(3)
    with pytest.raises(SonantError, match="cosine"):
        dtw_distances(x, distance="cosin")
    with pytest.raises(SonantError, match="lengths"):
        dtw_distances(x, normalise="length")
    with pytest.raises(SonantError, match="float32"):
        dtw_distances(x, precision="float16")
    with pytest.raises(SonantError, match="token 1 has shape"):
        dtw_distances([x[0], np.zeros((0, 4))])
    with pytest.raises(SonantError, match="token 1 has shape"):
        dtw_distances([x[0], np.zeros((3, 5))])
    with pytest.raises(SonantError, match="NaN"):
        dtw_distances([x[0], np.full((3, 4), np.nan)])
    with pytest.raises(SonantError, match="chebyshev"):
        vector_distances(np.ones((2, 2)), distance="chebychev")
    with pytest.raises(SonantError, match="number 1 is the first"):
        vector_distances(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(SonantError, match="NaN"):
        vector_distances(np.array([[1.0, np.inf], [0, 1]]))
