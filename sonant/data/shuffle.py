"""Random orders of any length that take no memory and no time to begin anywhere.

A keyed Feistel network permutes the numbers below the next power of four, and numbers outside the wanted range
are sent through again until they fall inside ("cycle walking": Black and Rogaway, 2002, "Ciphers with Arbitrary
Finite Domains", method 2). Position ``i`` of an epoch of 100 million windows is thus found without a table.
"""

from __future__ import annotations

import numpy as np

from ..core import derive_seed, numpy_generator

ROUNDS = 6
SMALL = 4096  # below it a table is cheap, and fair where few bits would mix badly
_GAMMA, _MIX_1, _MIX_2 = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def permute(positions: np.ndarray, size: int, *key: int | str) -> np.ndarray:
    """What stands at ``positions`` of the random order of ``range(size)`` that belongs to ``key``.

    Args:
        positions: integers in [0, size), any shape.
        size: how many there are to order.
        key: numbers and words, as for ``core.derive_seed``.

    Returns:
        int64, the shape of ``positions``; over all positions every number below ``size`` appears once.
    """
    positions = np.asarray(positions, dtype=np.int64)
    if size <= SMALL:
        return numpy_generator(*key, "order").permutation(size)[positions]
    half = np.uint64(((size - 1).bit_length() + 1) // 2)
    keys = [np.uint64(derive_seed(*key, "order", number)) for number in range(ROUNDS)]
    found = _feistel(positions.astype(np.uint64), half, keys)
    while (outside := found >= size).any():
        found[outside] = _feistel(found[outside], half, keys)
    return found.astype(np.int64)


def _feistel(x: np.ndarray, half: np.uint64, keys: list[np.uint64]) -> np.ndarray:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = x >> half, x & mask
    for key in keys:
        left, right = right, left ^ (_mix(right + key) & mask)
    return (left << half) | right


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators")."""
    with np.errstate(over="ignore"):
        x = x + _GAMMA
        x = (x ^ (x >> np.uint64(30))) * _MIX_1
        x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))
