"""Edit distance against the recursion written out."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.evaluation.edit_distance import edit_distance, error_rate


def brute(a: str, b: str) -> int:
    @lru_cache(None)
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        kept = distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])
        return min(kept, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(a), len(b))


@settings(max_examples=300, deadline=None)
@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_equals_the_recursion(a, b):
    assert edit_distance(a, b) == brute(a, b) == edit_distance(b, a)


def test_words_and_rates():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance(["the", "cat", "sat"], ["cat", "sat", "down"]) == 2
    assert error_rate(["ab", "c"], ["a", "cc"]) == pytest.approx(2 / 3)
    assert error_rate(["a"], ["bcd"]) == 3.0
    with pytest.raises(SonantError, match="not empty"):
        error_rate([""], ["a"])
