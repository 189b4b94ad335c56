"""How well scores tell pairs of the same kind (speaker, say) from pairs of different kinds.

A pair is accepted when its score is at least the threshold. P_miss is the share of same pairs that are rejected, P_fa
the share of different pairs that are accepted. Equal scores are accepted or rejected together. That is the variant
``exact``; the others repeat, point by point, what widely used programs compute:

    sslsv        equal scores in the order of the sort; EER: the larger of both errors where they are nearest
    seed         ssl-for-slr: the ROC of scikit-learn, the same rule; DCF without the point that accepts everything
    wespeaker    equal scores in the order of the sort, straight line between both points around equality
    speechbrain  thresholds on and halfway between scores, accepted when above; mean of both errors where they are
                 nearest; its minDCF is normalised here alone

Brummer and de Villiers 2013 (arXiv:1304.2865) on DCF, Cllr and the convex hull; NIST SRE plans for the costs.

Letters: P pairs, K points of a curve.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core import require

Variant = Literal["exact", "sslsv", "seed", "wespeaker", "speechbrain"]


def equal_error_rate(scores: np.ndarray, same: np.ndarray, *, variant: Variant = "exact") -> float:
    """The error rate in [0, 1] where P_miss = P_fa; 0.5 is chance.

    Args:
        scores: (P,) larger for pairs that belong together.
        same: (P,) booleans, true for these.

    Raises:
        SonantError: pairs of one kind only; scores that are not finite.
    """
    miss_K, alarm_K = error_curve(scores, same, variant=variant)
    if variant in ("exact", "wespeaker"):
        return _crossing(miss_K, alarm_K)
    nearest = int(np.argmin(np.abs(miss_K - alarm_K)))
    pair = miss_K[nearest], alarm_K[nearest]
    return float(np.mean(pair) if variant == "speechbrain" else max(pair))


def hull_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """The equal error rate of the convex hull of the curve (ROCCH-EER), in [0, 0.5]."""
    miss_K, alarm_K = error_curve(scores, same)
    hull: list[tuple[float, float]] = []
    for point in zip(alarm_K[::-1], miss_K[::-1], strict=True):  # from (0, 1) to (1, 0)
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    alarms, misses = (np.array(axis) for axis in zip(*hull, strict=True))
    return _crossing(misses[::-1], alarms[::-1])


def min_dcf(
    scores: np.ndarray,
    same: np.ndarray,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
    variant: Variant = "exact",
) -> float:
    """The lowest detection cost over all thresholds, divided by that of the better constant answer; in [0, 1].

    Args:
        scores, same: as ``equal_error_rate``.
        p_target: prior probability of a same pair: 0.01 in most papers on VoxCeleb, 0.05 in VoxSRC.
        c_miss, c_fa: costs of the two errors.
    """
    if variant in ("seed", "wespeaker"):
        curve = _one_by_one(*_checked(scores, same), kind="stable" if variant == "seed" else "quicksort")
        miss_K, alarm_K = (axis[1:] for axis in curve)
    else:
        miss_K, alarm_K = error_curve(scores, same, variant=variant)
    return float(_cost(miss_K, alarm_K, p_target, c_miss, c_fa).min())


def act_dcf(
    llrs: np.ndarray,
    same: np.ndarray,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
    threshold: float | None = None,
) -> float:
    """The detection cost at the threshold that would be best if scores were log likelihood ratios, normalised likewise.

    Args:
        llrs: (P,) natural logarithms of likelihood ratios.
        threshold: in place of log(c_fa (1 - p) / (c_miss p)); sslsv has 0.5 whatever the costs.
    """
    llrs, same = _checked(llrs, same)
    _check_costs(p_target, c_miss, c_fa)
    if threshold is None:
        threshold = float(np.log(c_fa * (1 - p_target) / (c_miss * p_target)))
    miss, alarm = (llrs[same] < threshold).mean(), (llrs[~same] >= threshold).mean()
    return float(_cost(miss, alarm, p_target, c_miss, c_fa))


def cllr(llrs: np.ndarray, same: np.ndarray) -> float:
    """Cost of log likelihood ratios in bits, >= 0; 1 is that of knowing nothing (Brummer and du Preez 2006)."""
    llrs, same = _checked(llrs, same)
    bits = np.logaddexp(0.0, -llrs[same]).mean() + np.logaddexp(0.0, llrs[~same]).mean()
    return float(bits / (2 * np.log(2)))


def average_r_precision(scores: np.ndarray, same: np.ndarray, enrolments: np.ndarray) -> float:
    """Mean over enrolments with R same pairs (R > 0) of the share of same pairs among their R best scores; in [0, 1].

    Equal scores rank as they are listed.

    Args:
        enrolments: (P,) which enrolment each pair belongs to.
    """
    scores, same = _checked(scores, same)
    _, group_P = np.unique(np.asarray(enrolments), return_inverse=True)
    order = np.lexsort((-scores, group_P))
    group_P, same = group_P[order], same[order]
    targets = np.bincount(group_P, weights=same)
    place_P = np.arange(len(group_P)) - np.searchsorted(group_P, group_P)
    found = np.bincount(group_P, weights=same & (place_P < targets[group_P]))
    return float((found[targets > 0] / targets[targets > 0]).mean())


def error_curve(scores: np.ndarray, same: np.ndarray, *, variant: Variant = "exact") -> tuple[np.ndarray, np.ndarray]:
    """(K,) P_miss, rising from 0, and (K,) P_fa, falling to 0, from the lowest threshold to the highest."""
    scores, same = _checked(scores, same)
    if variant in ("sslsv", "wespeaker"):
        miss_K, alarm_K = _one_by_one(scores, same, kind="quicksort")
        return (miss_K[1:], alarm_K[1:]) if variant == "wespeaker" else (miss_K, alarm_K)
    if variant == "speechbrain":
        return _on_and_between(scores, same)
    miss_K, alarm_K = _together(scores, same)
    return _without_straight(miss_K, alarm_K) if variant == "seed" else (miss_K, alarm_K)


def _together(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal scores fall together."""
    order = np.argsort(scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    missed, rejected = np.cumsum(same[order])[last], np.cumsum(~same[order])[last]
    return np.append(0.0, missed / same.sum()), np.append(1.0, 1.0 - rejected / (~same).sum())


def _one_by_one(scores: np.ndarray, same: np.ndarray, *, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Every score is a threshold of its own; (P + 1,) points."""
    same = same[np.argsort(scores, kind=kind)]
    miss_K = np.append(0.0, np.cumsum(same) / same.sum())
    return miss_K, np.append(1.0, 1.0 - np.cumsum(~same) / (~same).sum())


def _on_and_between(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    unique = np.unique(scores.astype(np.float32))
    at_K = np.sort(np.concatenate([unique, (unique[1:] + unique[:-1]) / 2]))
    yes, no = np.sort(scores[same].astype(np.float32)), np.sort(scores[~same].astype(np.float32))
    miss_K = np.searchsorted(yes, at_K, side="right") / len(yes)
    return miss_K, 1.0 - np.searchsorted(no, at_K, side="right") / len(no)


def _without_straight(miss_K: np.ndarray, alarm_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the highest threshold down, without the points in the middle of a straight piece."""
    miss_K, alarm_K = miss_K[::-1], alarm_K[::-1]
    bends = ~(np.isclose(np.diff(miss_K, 2), 0, atol=1e-12) & np.isclose(np.diff(alarm_K, 2), 0, atol=1e-12))
    kept = np.concatenate([[True], bends, [True]])
    return miss_K[kept], alarm_K[kept]


def _crossing(miss_K: np.ndarray, alarm_K: np.ndarray) -> float:
    """Where the straight line between the points around miss = alarm has them equal."""
    after = int(np.argmax(miss_K >= alarm_K))
    if after == 0:
        return float(miss_K[0])
    gap = alarm_K - miss_K
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(miss_K[after - 1] + share * (miss_K[after] - miss_K[after - 1]))


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0


def _cost(miss, alarm, p_target: float, c_miss: float, c_fa: float):
    _check_costs(p_target, c_miss, c_fa)
    worst = min(c_miss * p_target, c_fa * (1 - p_target))
    return (c_miss * p_target * miss + c_fa * (1 - p_target) * alarm) / worst


def _check_costs(p_target: float, c_miss: float, c_fa: float) -> None:
    require(0 < p_target < 1, f"the prior of a same pair must lie in (0, 1), got {p_target}")
    require(c_miss > 0 and c_fa > 0, f"costs must be above 0, got {c_miss} and {c_fa}")


def _checked(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, same = np.asarray(scores, np.float64), np.asarray(same, bool)
    require(scores.shape == same.shape and scores.ndim == 1, "scores and labels must be two lists of the same length")
    require(same.any() and not same.all(), "error rates need pairs of both kinds, same and different")
    require(bool(np.isfinite(scores).all()), f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
    return scores, same
