"""How far a figure of trials would move with other trials.

Letters: P pairs, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import require


def interval(
    figure: Callable[[np.ndarray], float],
    units_P: np.ndarray,
    *,
    resamples: int = 1000,
    share: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979) of a figure of pairs.

    Pairs that share an utterance are not independent: what is drawn again, with replacement, is therefore ``units_P``
    (the enrolment of each pair, say), and all pairs of a unit come along.

    Args:
        figure: from (n,) numbers of pairs, which may repeat, to the figure; NaN where they allow none.
        units_P: (P,) which unit each pair belongs to.
        share: of the resamples that lie inside the interval, in (0, 1).
    """
    require(resamples >= 100 and 0 < share < 1, "a bootstrap needs at least 100 resamples and a share in (0, 1)")
    _, unit_P = np.unique(units_P, return_inverse=True)
    order = np.argsort(unit_P, kind="stable")
    first = np.searchsorted(unit_P[order], np.arange(unit_P.max() + 2))
    groups = [order[a:b] for a, b in zip(first[:-1], first[1:], strict=True)]
    rng = np.random.default_rng(seed)
    drawn = [
        figure(np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]))
        for _ in range(resamples)
    ]
    values = np.array([value for value in drawn if np.isfinite(value)])
    require(len(values) >= 100, "too few resamples have pairs of both kinds; there are too few units")
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
