"""ABX by loops over triples, in float64, sharing no line with the package: what the package must equal."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import groupby

import numpy as np


def frame_distance(x, y, distance):
    x, y = x.astype(np.float64), y.astype(np.float64)
    if distance in ("angular", "cosine"):
        cosine = float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))
        return math.acos(cosine) / math.pi if distance == "angular" else 1 - cosine
    if distance == "euclidean":
        return math.sqrt(((x - y) ** 2).sum())
    if distance == "kl":
        return float(0.5 * ((x - y) * np.log((x + 1e-6) / (y + 1e-6))).sum())
    return float((x != y).any())


def dtw(x, y, distance):
    n, m = len(x), len(y)
    d = [[frame_distance(a, b, distance) for b in y] for a in x]
    cost = [[0.0] * m for _ in range(n)]
    for i in range(n):
        for j in range(m):
            before = [cost[i - 1][j - 1]] if i and j else []
            before += [cost[i - 1][j]] if i else []
            before += [cost[i][j - 1]] if j else []
            cost[i][j] = d[i][j] + (min(before) if before else 0.0)
    i, j, steps = n - 1, m - 1, 1
    while i and j:
        diagonal, left, up = cost[i - 1][j - 1], cost[i][j - 1], cost[i - 1][j]
        if diagonal <= left and diagonal <= up:
            i, j = i - 1, j - 1
        elif left <= up:
            j -= 1
        else:
            i -= 1
        steps += 1
    return cost[-1][-1] / (steps + i + j)


def cut(x, onset, offset, rate, slicing):
    """The frames of an item; rate and times are strings. fastabx calculates in decimals, libri-light in floats."""
    if slicing == "librilight":
        begin = math.ceil(float(onset) * float(rate) - 0.5)
        return x[max(begin, 0) : math.floor(float(offset) * float(rate) - 0.5)]
    half = Decimal("0.5")
    begin = int((Decimal(onset) * Decimal(rate) - half).to_integral_value(ROUND_CEILING))
    end = int((Decimal(offset) * Decimal(rate) - half).to_integral_value(ROUND_FLOOR))
    return x[max(begin, 0) : end + 1]


def abx(features, rows, *, rate, speaker, context, distance, slicing):
    """(score, {(a, b, speaker, x speaker, context): (error, triples)}) of rows as written in an item file."""
    tokens = []
    for file, onset, offset, phone, previous, following, voice in rows:
        x = cut(features[file], onset, offset, rate, slicing)
        if len(x):
            tokens.append((x, phone, voice, (previous, following) if context == "within" else None))
    known: dict[tuple[int, int], float] = {}

    def distance_of(i, j):
        if (i, j) not in known:
            known[i, j] = dtw(tokens[i][0], tokens[j][0], distance)
        return known[i, j]

    sums: dict[tuple, list[float]] = {}
    for x, (_, phone_x, voice_x, context_x) in enumerate(tokens):
        for a, (_, phone_a, voice_a, context_a) in enumerate(tokens):
            if a == x or phone_a != phone_x or context_a != context_x or (voice_a == voice_x) != (speaker == "within"):
                continue
            for b, (_, phone_b, voice_b, context_b) in enumerate(tokens):
                if phone_b == phone_x or voice_b != voice_a or context_b != context_x:
                    continue
                near, far = distance_of(x, a), distance_of(x, b)
                tied = abs(near - far) < 1e-12
                cell = sums.setdefault((phone_x, phone_b, voice_a, voice_x, context_x), [0.0, 0])
                cell[0] += 0.5 if tied else float(far < near)
                cell[1] += 1
    cells = {key: (wrong / triples, triples) for key, (wrong, triples) in sums.items()}
    by_speaker = means({key: error for key, (error, _) in cells.items()}, 3)
    by_pair = means(by_speaker, 2)
    return sum(by_pair.values()) / len(by_pair), cells


def means(values, length):
    """Means over everything after the first ``length`` parts of each key."""
    ordered = sorted(values.items(), key=lambda item: str(item[0][:length]))
    groups = groupby(ordered, key=lambda item: item[0][:length])
    return {key: float(np.mean([value for _, value in group])) for key, group in groups}
