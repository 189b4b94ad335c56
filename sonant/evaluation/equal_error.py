"""The operating point at which a detector misses as often as it raises a false alarm."""

from __future__ import annotations

import numpy as np

from ..core import require


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Equal error rate in [0, 1]; 0.5 is chance.

    Between the two thresholds where misses overtake false alarms, both are taken to change on a straight line.

    Args:
        scores: (P,) larger for pairs that belong together.
        same: (P,) booleans, true for these.
    """
    scores, same = np.asarray(scores, np.float64), np.asarray(same, bool)
    require(same.any() and not same.all(), "an equal error rate needs pairs of both kinds, same and different")
    order = np.argsort(scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores fall together
    miss = np.append(0.0, np.cumsum(same[order])[last] / same.sum())
    alarm = np.append(1.0, 1.0 - np.cumsum(~same[order])[last] / (~same).sum())
    after = int(np.argmax(miss >= alarm))
    gap = alarm - miss
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(miss[after - 1] + share * (miss[after] - miss[after - 1]))
