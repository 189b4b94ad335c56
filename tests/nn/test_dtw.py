"""DTW against loops that follow its definition word by word."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.nn import dtw as module
from sonant.nn._dtw_kernels import LANES, trace
from sonant.nn.dtw import Block, PairwiseDTW, dtw, dtw_path, pairwise_dtw
from sonant.nn.frame_distance import operands

needs_numba = pytest.mark.skipif(not module.numba_installed(), reason="numba is not installed")
WAYS = [pytest.param(True, marks=needs_numba, id="numba"), pytest.param(False, id="torch")]


def slow_dtw(distance_NM):
    """(cost, path from first to last): fill the table, then trace back from the end."""
    n, m = distance_NM.shape
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            cost[i + 1, j + 1] = distance_NM[i, j] + min(cost[i, j], cost[i + 1, j], cost[i, j + 1])
    i, j, path = n, m, [(n - 1, m - 1)]
    while (i, j) != (1, 1):
        diagonal, left, up = cost[i - 1, j - 1], cost[i, j - 1], cost[i - 1, j]
        if i > 1 and j > 1 and diagonal <= left and diagonal <= up:
            i, j = i - 1, j - 1
        elif i == 1 or (j > 1 and left <= up):
            j -= 1
        else:
            i -= 1
        path.append((i - 1, j - 1))
    return cost[n, m], path[::-1]


def sequences(seed, count, *, longest=12, levels=3):
    """Random walks on a coarse grid, so that paths tie often."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, levels, (rng.integers(1, longest + 1), 2)).astype(np.float32) for _ in range(count)]


def slow_pairs(x, y, normalise):
    """All euclidean DTW distances in float64."""
    result = np.empty((len(x), len(y)))
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            cost, path = slow_dtw(np.sqrt(((a[:, None].astype(float) - b[None]) ** 2).sum(-1)))
            result[i, j] = cost / {"path": len(path), "lengths": len(a) + len(b), "none": 1}[normalise]
    return result


def engine_for(everything, *, use_numba, normalise="path", threads=2, distance="euclidean", dtype=torch.float64):
    length_N = np.array([len(x) for x in everything])
    frames = operands(torch.from_numpy(np.concatenate(everything)), distance, dtype=dtype)
    options = {"normalise": normalise, "threads": threads, "use_numba": use_numba}
    return PairwiseDTW(frames, np.cumsum(length_N) - length_N, length_N, **options)


@pytest.mark.parametrize("use_numba", WAYS)
@pytest.mark.parametrize("normalise", ["path", "lengths", "none"])
def test_blocks_equal_the_loops_in_both_directions(use_numba, normalise):
    x, y = sequences(0, LANES + 3), sequences(1, 2 * LANES + 5)
    rows, columns = np.arange(len(x)), len(x) + np.arange(len(y))
    with engine_for([*x, *y], use_numba=use_numba, normalise=normalise) as engine:
        (forward, backward), (square, same) = engine.run([Block(rows, columns, both=True), Block(rows)])
        ((alone, nothing),) = engine.run([Block(rows, columns)])
    assert np.abs(forward - slow_pairs(x, y, normalise)).max() < 1e-9
    assert np.abs(backward - slow_pairs(y, x, normalise)).max() < 1e-9
    assert np.abs(square - slow_pairs(x, x, normalise)).max() < 1e-9
    assert same is square and nothing.size == 0
    assert np.array_equal(alone, forward)


def test_tied_paths_make_the_two_directions_differ():
    """The reason for computing both: without ties d(x, y) = d(y, x)."""
    x = sequences(2, 40, levels=2)
    square = slow_pairs(x, x, "path")
    assert (square != square.T).any()


@needs_numba
@pytest.mark.parametrize("distance", ["angular", "cosine", "euclidean", "kl", "identical"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numba_equals_torch(distance, dtype):
    rng = np.random.default_rng(3)
    x = [rng.random((n, 5)).astype(np.float32) + 0.1 for n in rng.integers(1, 40, 50)]
    x = [(a / np.linalg.norm(a, axis=1, keepdims=True)) for a in x]
    block = Block(np.arange(len(x)))
    results = []
    for use_numba in (True, False):
        with engine_for(x, use_numba=use_numba, distance=distance, dtype=dtype) as engine:
            results.append(engine.run([block])[0][0])
    off_diagonal = ~np.eye(len(x), dtype=bool)
    assert np.abs(results[0] - results[1])[off_diagonal].max() < 2e-6
    assert results[0].dtype == results[1].dtype == (np.float32 if dtype == torch.float32 else np.float64)


@pytest.mark.parametrize("use_numba", WAYS)
def test_neither_threads_nor_company_change_a_bit(use_numba):
    x = [np.random.default_rng(i).normal(size=(1 + i % 23, 7)).astype(np.float32) for i in range(90)]
    rows = np.arange(len(x))
    with engine_for(x, use_numba=use_numba, threads=1, dtype=torch.float32) as one:
        expected = one.run([Block(rows)])[0][0]
    with engine_for(x, use_numba=use_numba, threads=4, dtype=torch.float32) as four:
        many = four.run([Block(rows), Block(rows[:5], rows[5:])])
    assert np.array_equal(many[0][0], expected)
    assert np.allclose(many[1][0], expected[:5, 5:], atol=1e-6)


@given(seed=st.integers(0, 2**31), normalise=st.sampled_from(["path", "lengths"]), scale=st.floats(0.1, 100))
@settings(max_examples=25, deadline=None)
def test_symmetric_nonnegative_and_scaling_with_the_frames(seed, normalise, scale):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(rng.integers(1, 9), 3)) for _ in range(6)]
    distance = pairwise_dtw(x, distance="euclidean", normalise=normalise, threads=1)
    scaled = pairwise_dtw([a * scale for a in x], distance="euclidean", normalise=normalise, threads=1)
    assert distance.min() >= 0
    assert np.allclose(distance, distance.T, atol=1e-6)
    assert np.allclose(np.diag(distance), 0)
    assert np.allclose(scaled, distance * scale, rtol=1e-4)


def test_batch_of_given_distances_ignores_padding():
    rng = np.random.default_rng(4)
    n_P, m_P = torch.tensor([1, 6, 4, 9]), torch.tensor([5, 1, 4, 7])
    distance_PNM = torch.from_numpy(np.round(rng.random((4, 9, 7)) * 4) / 4)
    cost_P, length_P = dtw(distance_PNM, n_P, m_P)
    for p in range(4):
        cost, path = slow_dtw(distance_PNM[p, : n_P[p], : m_P[p]].numpy())
        assert float(cost_P[p]) == pytest.approx(cost)
        assert int(length_P[p]) == len(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (7, 9)])
def test_path(shape):
    for seed in range(5):
        distance_NM = np.random.default_rng(seed).integers(0, 4, shape) / 4
        expected = slow_dtw(distance_NM)[1]
        assert dtw_path(distance_NM).tolist() == [list(cell) for cell in expected]
        path_K2 = np.empty((sum(shape), 2), int)
        count = trace(distance_NM, path_K2)  # uncompiled
        assert path_K2[:count][::-1].tolist() == [list(cell) for cell in expected]


def test_angular_pairs_do_not_depend_on_the_size_of_frames():
    rng = np.random.default_rng(5)
    x, y = ([rng.normal(size=(n, 8)).astype(np.float32) for n in (3, 8, 20)] for _ in range(2))
    louder = [a * rng.uniform(0.1, 10, (len(a), 1)).astype(np.float32) for a in x]
    first = pairwise_dtw(x, y, distance="angular", normalise="path")
    assert np.allclose(pairwise_dtw(louder, y, distance="angular", normalise="path"), first, atol=1e-6)
    assert first.shape == (3, 3)
    assert (first > 0).all() and (first < 1).all()


def test_mistakes():
    x = [np.zeros((2, 2), np.float32)]
    with pytest.raises(SonantError, match="path"):
        pairwise_dtw(x, distance="euclidean", normalise="paths")
    with pytest.raises(SonantError, match="without frames"):
        pairwise_dtw([np.zeros((0, 2), np.float32), *x], distance="euclidean", normalise="path")
    with pytest.raises(SonantError, match="at least one"):
        pairwise_dtw([], distance="euclidean", normalise="path")
    with pytest.raises(SonantError, match=r"\(N, M\)"):
        dtw_path(np.zeros((0, 3)))


def test_importing_the_package_does_not_import_numba():
    code = "import sys, sonant, sonant.nn.dtw, sonant.evaluation.abx; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
