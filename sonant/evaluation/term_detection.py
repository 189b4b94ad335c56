"""Scores of spoken term detection.

The term-weighted value of Fiscus et al. 2007 ("Results of the 2006 spoken term detection evaluation"), with the costs
of QUESST 2014 (Anguera et al. 2014, "The MediaEval query by example search on speech task").

Letters: Q queries, M documents.
"""

from __future__ import annotations

import numpy as np

from ..core import require

BETA = (1.0 / 100.0) * (1.0 / 0.0008 - 1.0)  # cost of an alarm over that of a miss, times the odds against a hit


def standardised(score_QM: np.ndarray, trial_QM: np.ndarray) -> np.ndarray:
    """Scores of every query with mean 0 and variance 1 over its trials, so that one threshold serves all queries."""
    score_QM = np.where(trial_QM, score_QM, np.nan)
    spread_Q1 = np.nanstd(score_QM, axis=1, keepdims=True)
    return (score_QM - np.nanmean(score_QM, axis=1, keepdims=True)) / np.maximum(spread_Q1, 1e-9)


def maximum_term_weighted_value(
    score_QM: np.ndarray, hit_QM: np.ndarray, trial_QM: np.ndarray, *, beta: float = BETA
) -> float:
    """Largest over all thresholds of 1 - mean over queries of (misses + beta false alarms), both as shares.

    1 is perfect; a detector that finds nothing has 0, so that the value is never below.

    Args:
        score_QM: larger where the query is likelier in the document.
        hit_QM: true where it is.
        trial_QM: false where nothing is to be decided.
        beta: weight of false alarms.
    """
    hit_QM, other_QM = hit_QM & trial_QM, trial_QM & ~hit_QM
    hits_Q, others_Q = hit_QM.sum(1), other_QM.sum(1)
    require(len(hits_Q) and hits_Q.min() > 0, "every query must occur in a document")
    gain_QM = hit_QM / hits_Q[:, None] - beta * other_QM / np.maximum(others_Q, 1)[:, None]
    scores, gains = score_QM[trial_QM], gain_QM[trial_QM]
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores are accepted together
    return float(max(0.0, np.cumsum(gains[order])[last].max() / len(hits_Q)))
