"""Condensed vectors against loops over pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation._sd_pairs import (
    check_labels,
    count_pairs,
    equal_pairs,
    first_of_row,
    numbers_of,
    pairs_with,
    place_of,
)


@pytest.mark.parametrize("tokens", [1, 2, 3, 8])
def test_places_follow_the_order_of_combinations(tokens):
    pairs = list(itertools.combinations(range(tokens), 2))
    assert count_pairs(tokens) == len(pairs)
    for place, (i, j) in enumerate(pairs):
        assert place_of(np.array(i), np.array(j), tokens) == place
        assert place_of(np.array(j), np.array(i), tokens) == place
        assert first_of_row(i, tokens) == pairs.index((i, i + 1))


def test_equal_pairs_and_pairs_of_one_label():
    labels = list("abacbaad")
    names, number_N = numbers_of(labels)
    assert names == ["a", "b", "c", "d"]
    pairs = list(itertools.combinations(range(len(labels)), 2))
    assert equal_pairs(number_N).tolist() == [labels[i] == labels[j] for i, j in pairs]
    for number, name in enumerate(names):
        place, same = pairs_with(number_N, number)
        expected = [p for p, (i, j) in enumerate(pairs) if name in (labels[i], labels[j])]
        assert place.tolist() == expected
        assert same.tolist() == [labels[pairs[p][0]] == labels[pairs[p][1]] for p in expected]


def test_mistakes():
    with pytest.raises(SonantError, match="at least 2 tokens"):
        check_labels(1, ["a"], None)
    with pytest.raises(SonantError, match="3 tokens and 2 labels"):
        check_labels(3, ["a", "b"], None)
    with pytest.raises(SonantError, match="2 tokens and 1 speakers"):
        check_labels(2, ["a", "b"], ["s"])
