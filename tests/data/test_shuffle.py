from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.data.shuffle import SMALL, permute


@settings(max_examples=30, deadline=None)
@given(size=st.one_of(st.integers(1, 50), st.integers(SMALL - 2, 40_000)), key=st.integers(0, 2**60))
def test_every_number_comes_once(size, key):
    assert np.array_equal(np.sort(permute(np.arange(size), size, key)), np.arange(size))


@pytest.mark.parametrize("size", [100, 5000, 70_000])
def test_orders_differ_and_look_random(size):
    first, second = (permute(np.arange(size), size, key) for key in (1, 2))
    for order in (first, second):
        assert abs(np.corrcoef(order, np.arange(size))[0, 1]) < 4 / np.sqrt(size)
        assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 4 / np.sqrt(size)
    assert (first == second).sum() < 10


def test_single_positions_agree_with_the_whole():
    whole = permute(np.arange(10_000), 10_000, "k", 7)
    assert [int(permute(np.array([i]), 10_000, "k", 7)[0]) for i in (0, 17, 9_999)] == whole[[0, 17, 9_999]].tolist()


def test_huge_orders_need_no_table():
    found = permute(np.arange(5), 10**12, 3)
    assert len(set(found.tolist())) == 5
    assert ((found >= 0) & (found < 10**12)).all()
