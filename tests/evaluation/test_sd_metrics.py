"""Average precision and breakeven against loops, ties against every order that they leave open."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.evaluation import _sd_metrics as module
from sonant.evaluation._sd_metrics import Ranking, average_precision, breakeven


def orders(distance):
    """Every order of the pairs that sorts them by distance."""
    groups = [np.flatnonzero(distance == value) for value in np.unique(distance)]
    for choice in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield np.concatenate(choice).astype(int)


def slow_ap(order, same, sought):
    """Mean precision at the ranks of the pairs sought."""
    precisions = [same[order[: rank + 1]].mean() for rank, pair in enumerate(order) if sought[pair]]
    return np.mean(precisions)


def is_breakeven(value, hits, found):
    """Whether it follows from hits and pairs sought among the first k pairs, k = 1, 2, ...

    Where recall and precision are equally near at two ranks, the last bit of a float decides between them.
    """
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    recall = found / found[-1]
    apart = np.abs(recall - precision)
    return (np.abs((recall + precision) / 2 - value)[apart <= apart.min() + 1e-12] < 1e-9).any()


def draw(seed, pairs, levels):
    """Distances with ties, flags of the same word and of other speakers with at least one pair sought."""
    rng = np.random.default_rng(seed)
    distance = rng.integers(0, levels, pairs) / 4
    same, other = rng.random(pairs) < 0.4, rng.random(pairs) < 0.6
    same[rng.integers(pairs)] = True
    other[np.flatnonzero(same)[0]] = True
    return distance, same, other


@given(seed=st.integers(0, 2**31), pairs=st.integers(1, 6), levels=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_expected_is_the_mean_over_all_orders(seed, pairs, levels):
    distance, same, other = draw(seed, pairs, levels)
    ranking = Ranking.of(distance, same, other)
    for only, sought in ((False, same), (True, same & other)):
        everyone = list(orders(distance))
        expected = np.mean([slow_ap(order, same, sought) for order in everyone])
        assert average_precision(ranking, other_speakers=only) == pytest.approx(expected, abs=1e-12)
        hits = np.mean([np.cumsum(same[order]) for order in everyone], axis=0)
        found = np.mean([np.cumsum(sought[order]) for order in everyone], axis=0)
        assert is_breakeven(breakeven(ranking, other_speakers=only), hits, found)


@given(seed=st.integers(0, 2**31), pairs=st.integers(1, 300), levels=st.sampled_from([3, 40, 10**9]))
@settings(max_examples=60, deadline=None)
def test_stable_keeps_the_order_given(seed, pairs, levels):
    distance, same, other = draw(seed, pairs, levels)
    ranking = Ranking.of(distance, same, other, ties="stable")
    order = np.argsort(distance, kind="stable")
    for only, sought in ((False, same), (True, same & other)):
        assert average_precision(ranking, other_speakers=only) == pytest.approx(slow_ap(order, same, sought))
        found = breakeven(ranking, other_speakers=only)
        assert is_breakeven(found, np.cumsum(same[order]), np.cumsum(sought[order]))


@given(seed=st.integers(0, 2**31), levels=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_expected_does_not_depend_on_the_order_of_the_pairs(seed, levels):
    distance, same, other = draw(seed, 200, levels)
    order = np.random.default_rng(seed + 1).permutation(200)
    one, two = Ranking.of(distance, same, other), Ranking.of(distance[order], same[order], other[order])
    for only in (False, True):
        assert average_precision(one, other_speakers=only) == average_precision(two, other_speakers=only)
        assert breakeven(one, other_speakers=only) == breakeven(two, other_speakers=only)


@pytest.mark.parametrize("ties", ["expected", "stable"])
def test_only_ranks_count_and_perfect_is_one(ties):
    distance, same, other = draw(0, 500, 10**9)
    one = Ranking.of(distance, same, other, ties=ties)
    two = Ranking.of(np.exp(distance / distance.max()), same, other, ties=ties)
    assert average_precision(one) == average_precision(two)
    perfect = Ranking.of(np.where(same, 1.0, 2.0) + distance / 1e12, same, other, ties=ties)
    assert (average_precision(perfect), breakeven(perfect)) == (1.0, 1.0)
    assert average_precision(perfect, other_speakers=True) == 1.0


def test_all_distances_equal_is_chance_or_nearly():
    same = np.zeros(1000, bool)
    same[::5] = True
    ranking = Ranking.of(np.zeros(1000), same)
    assert breakeven(ranking) == pytest.approx(0.2, abs=1e-3)
    assert average_precision(ranking) == pytest.approx(0.2, abs=0.01)  # the first ranks of a random order raise it


def test_parts_change_nothing(monkeypatch):
    distance, same, other = draw(3, 400, 30)
    whole = average_precision(Ranking.of(distance, same, other), other_speakers=True)
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert average_precision(Ranking.of(distance, same, other), other_speakers=True) == pytest.approx(whole, abs=1e-12)


def test_mistakes():
    distance, same = np.array([0.1, 0.2]), np.array([True, False])
    with pytest.raises(SonantError, match="expected"):
        Ranking.of(distance, same, ties="expect")
    with pytest.raises(SonantError, match="same-word flags"):
        Ranking.of(distance, same[:1])
    with pytest.raises(SonantError, match="speaker flags"):
        Ranking.of(distance, same, np.array([1, 0]))
    with pytest.raises(SonantError, match="NaN"):
        Ranking.of(np.array([0.1, np.nan]), same)
    with pytest.raises(SonantError, match="no pair is of the same word"):
        Ranking.of(distance, np.zeros(2, bool))
