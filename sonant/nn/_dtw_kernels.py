"""The inner loops of DTW. Plain Python that numba compiles on first use; nothing here imports it.

The cells of one table are filled row by row for ``LANES`` pairs at once, one pair a lane, so that a compiler
turns every lane loop into a few vector instructions. Cell (i, j) lives in slot j - i + N: its diagonal
neighbour was there before it, its left neighbour one slot below, its upper neighbour one slot above. A slot
holds the accumulated cost and the length of the path traced back from here, under both orders of preference
among equal neighbours: diagonal, left, up (what d(x, y) traces) and diagonal, up, left (what d(y, x) traces).
Unsigned indices spare the check for negative ones.

Letters: R rows (sequences), B buckets of LANES columns (sequences), N and M frames of a row and a column.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

LANES = 16  # pairs aligned at once: one AVX-512 or two AVX2 registers
SLOT = 3 * LANES  # numbers of a slot: costs, lengths preferring left, lengths preferring up

# arccos(a) = sqrt(1 - a) * polynomial(a) on [0, 1], error 2e-8 (Abramowitz and Stegun, 4.4.46), constant term first
_ARCCOS = (1.5707963050, -0.2145988016, 0.0889789874, -0.0501743046, 0.0308918810, -0.0170881256, 0.0066700901)
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = np.array([*_ARCCOS, -0.0012624911], np.float32)
_ZERO, _ONE, _INFINITY, _INVERSE_PI = np.array([0, 1, np.inf, 1 / np.pi], np.float32)


@cache
def compiled(kernel: Callable) -> Callable:
    """``kernel`` compiled by numba, kept on disk for the next process where some folder can be written."""
    from numba import njit

    try:
        return njit(kernel, nogil=True, cache=True)
    except RuntimeError:  # neither the package nor the user's cache folder can be written
        return njit(kernel, nogil=True)


def angular(cosine_P):
    """Cosines -> arccos / pi in place, float32, error below 1.5e-7."""
    for k in range(cosine_P.shape[0]):
        x = cosine_P[k]
        a = min(abs(x), _ONE)
        p = ((_C7 * a + _C6) * a + _C5) * a + _C4
        p = (((p * a + _C3) * a + _C2) * a + _C1) * a + _C0
        angle = p * np.sqrt(_ONE - a) * _INVERSE_PI
        cosine_P[k] = angle if x >= _ZERO else _ONE - angle


def align(tile, rows, row_frames, buckets, bucket_frames, results):
    """Cost and path lengths of every row sequence of a tile against every column sequence.

    Args:
        tile: (I, J) frame distances; row sequence r begins at line rows[r]; lane l of frame j of
            bucket b is column buckets[b] + j * LANES + l.
        rows, row_frames: (R,) first lines and numbers of frames.
        buckets, bucket_frames: (B,) first columns, (B, LANES) numbers of frames, at most those of the last lane.
        results: (R, B, 3, LANES) receives costs, lengths preferring left, lengths preferring up.
    """
    u, L = np.uint64, np.uint64(LANES)
    slots = np.empty((row_frames.max() + bucket_frames.max() + 1) * SLOT, tile.dtype)
    for r in range(rows.shape[0]):
        n = row_frames[r]
        for b in range(buckets.shape[0]):
            m = bucket_frames[b, LANES - 1]
            for s in range(n + m + 1):  # outside the table: unreachable, but for where the path begins
                for q in range(LANES):
                    slots[u(s * SLOT + q)] = _ZERO if s == n else _INFINITY
                    slots[u(s * SLOT + LANES + q)] = _ZERO
                    slots[u(s * SLOT + 2 * LANES + q)] = _ZERO
            for i in range(n):
                frame = tile[rows[r] + i]
                for j in range(m):
                    k, c = u((j - i + n) * SLOT), u(buckets[b] + j * LANES)
                    for q in range(LANES):
                        here = k + u(q)
                        left, up = here - u(SLOT), here + u(SLOT)
                        diagonal, from_left, from_up = slots[here], slots[left], slots[up]
                        one, one_left, one_up = slots[here + L], slots[left + L], slots[up + L]
                        two, two_left, two_up = slots[here + L + L], slots[left + L + L], slots[up + L + L]
                        straight = diagonal <= min(from_left, from_up)
                        one_turn = one_left if from_left <= from_up else one_up
                        two_turn = two_up if from_up <= from_left else two_left
                        slots[here] = min(diagonal, min(from_left, from_up)) + frame[c + u(q)]
                        slots[here + L] = (one if straight else one_turn) + _ONE
                        slots[here + L + L] = (two if straight else two_turn) + _ONE
            for part in range(3):
                for q in range(LANES):
                    results[r, b, part, q] = slots[bucket_frames[b, q] * SLOT + part * LANES + q]


def store(results, order_C, begin, row_frames, bucket_frames, row_places, row_firsts, normalise, forward, backward):
    """Normalise what ``align`` found and put it in its place.

    Args:
        results: (R, B, 3, LANES) of ``align``.
        order_C: places of the columns in the outputs; the first column of ``results`` is column ``begin`` of them.
        row_frames, bucket_frames: (R,) and (B, LANES) numbers of frames.
        row_places, row_firsts: (R,) places of the rows in the outputs, and first column that each of them needs.
        normalise: 0 by the length of the path, 1 by the sum of both lengths, 2 not at all.
        forward, backward: (R', C') and (C', R') outputs; an empty one is left alone.
    """
    for r in range(results.shape[0]):
        for position in range(max(begin, row_firsts[r]), min(begin + results.shape[1] * LANES, order_C.shape[0])):
            b, lane = divmod(position - begin, LANES)
            one, two = results[r, b, 1, lane], results[r, b, 2, lane]
            if normalise == 1:
                one = two = _ONE * (row_frames[r] + bucket_frames[b, lane])
            elif normalise == 2:
                one = two = _ONE
            if forward.size:
                forward[row_places[r], order_C[position]] = results[r, b, 0, lane] / one
            if backward.size:
                backward[order_C[position], row_places[r]] = results[r, b, 0, lane] / two


def trace(distance_NM, path_K2):
    """Cheapest path through one table, last cell first; returns how many cells of ``path_K2`` were written.

    Among equal neighbours: diagonal, then left (j - 1), then up (i - 1).
    """
    n, m = distance_NM.shape
    cost_NM = np.empty((n, m), np.float32)
    for i in range(n):
        for j in range(m):
            best = np.float32(0)
            if i > 0 and j > 0:
                best = min(cost_NM[i - 1, j - 1], min(cost_NM[i, j - 1], cost_NM[i - 1, j]))
            elif j > 0:
                best = cost_NM[i, j - 1]
            elif i > 0:
                best = cost_NM[i - 1, j]
            cost_NM[i, j] = best + distance_NM[i, j]
    i, j, k = n - 1, m - 1, 0
    while True:
        path_K2[k, 0], path_K2[k, 1] = i, j
        k += 1
        if i == 0 and j == 0:
            return k
        if i > 0 and j > 0 and cost_NM[i - 1, j - 1] <= min(cost_NM[i, j - 1], cost_NM[i - 1, j]):
            i, j = i - 1, j - 1
        elif i == 0 or (j > 0 and cost_NM[i, j - 1] <= cost_NM[i - 1, j]):
            j -= 1
        else:
            i -= 1
