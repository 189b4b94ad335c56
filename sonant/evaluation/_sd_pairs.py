"""All pairs of N tokens as one vector: (0, 1), (0, 2), ..., (0, N - 1), (1, 2), ... as SciPy's condensed distances.

Letters: N tokens, P = N (N - 1) / 2 pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import require


def count_pairs(tokens: int) -> int:
    """P, the length of the condensed vector."""
    return tokens * (tokens - 1) // 2


def first_of_row(row, tokens: int):
    """Place of the pair (row, row + 1); integers or integer arrays."""
    return row * (tokens - 1) - row * (row - 1) // 2


def place_of(i: np.ndarray, j: np.ndarray, tokens: int) -> np.ndarray:
    """Places of the pairs of tokens ``i`` and ``j``, in any order; i != j."""
    low, high = np.minimum(i, j), np.maximum(i, j)
    return first_of_row(low, tokens) + high - low - 1


def numbers_of(labels: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Distinct labels, sorted, and (N,) the number of each token's label."""
    names = sorted(set(labels))
    index = {name: number for number, name in enumerate(names)}
    return names, np.fromiter((index[label] for label in labels), np.int64, len(labels))


def equal_pairs(number_N: np.ndarray) -> np.ndarray:
    """(P,) booleans: do both tokens of a pair have the same number?"""
    tokens = len(number_N)
    equal_P = np.empty(count_pairs(tokens), bool)
    for row in range(tokens - 1):
        first = first_of_row(row, tokens)
        np.equal(number_N[row + 1 :], number_N[row], out=equal_P[first : first + tokens - 1 - row])
    return equal_P


def pairs_with(number_N: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Places, ascending, of all pairs that involve a token of one label, and whether both tokens are of it."""
    tokens = len(number_N)
    mine_N = number_N == number
    i_M1, j_N = np.flatnonzero(mine_N)[:, None], np.arange(tokens)
    row, j = np.nonzero((i_M1 < j_N) | ~mine_N)
    place = place_of(i_M1[row, 0], j, tokens)
    order = np.argsort(place)
    return place[order], mine_N[j][order]


def check_labels(tokens: int, labels: Sequence[str], speakers: Sequence[str] | None) -> None:
    """Raise SonantError unless every token has a label and, where speakers are given, a speaker."""
    require(tokens >= 2, f"word discrimination compares pairs: it needs at least 2 tokens, got {tokens}")
    require(len(labels) == tokens, f"there are {tokens} tokens and {len(labels)} labels")
    require(
        speakers is None or len(speakers) == tokens, f"there are {tokens} tokens and {len(speakers or ())} speakers"
    )
