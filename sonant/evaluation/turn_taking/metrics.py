"""How well predictions tell label 1 from label 0: weighted F1, balanced accuracy, and both over all thresholds.

The F1 of each class is weighted by how often it is the label. A prediction says 1 where it is at or above the
threshold. Letters: M samples, H thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import require
from .scoring import Samples

THRESHOLDS = 101  # from 0 to 1
LOWEST, HIGHEST = 0.01, 0.99  # between which a threshold is chosen


@dataclass(frozen=True)
class Scores:
    """Figures in [0, 1], or arrays of them; NaN where a label does not occur.

    Attributes:
        f1: weighted by the share of each label.
        balanced_accuracy: mean recall of both labels.
        accuracy_0, accuracy_1: recall of each label, also called class accuracy.
        precision_0, precision_1: 0 where nothing is predicted so.
        f1_1: F1 of label 1 alone.
        accuracy: share of right decisions.
    """

    f1: np.ndarray | float
    balanced_accuracy: np.ndarray | float
    accuracy_0: np.ndarray | float
    accuracy_1: np.ndarray | float
    precision_0: np.ndarray | float
    precision_1: np.ndarray | float
    f1_1: np.ndarray | float
    accuracy: np.ndarray | float

    def at(self, index: int) -> Scores:
        """The scores at one threshold of a curve, as plain numbers."""
        return Scores(*(float(getattr(self, name)[index]) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Curve:
    """Scores (H,) at each of ``threshold_H``."""

    threshold_H: np.ndarray
    scores: Scores

    def best(self, *, lowest: float = LOWEST, highest: float = HIGHEST) -> float:
        """The threshold with the highest weighted F1 in [lowest, highest]; of equals the lowest."""
        allowed_H = (self.threshold_H >= lowest - 1e-6) & (self.threshold_H <= highest + 1e-6)
        f1_H = np.where(allowed_H, self.scores.f1, -np.inf)
        return round(float(self.threshold_H[f1_H.argmax()]), 6)


def scores_at(samples: Samples, threshold: float = 0.5) -> Scores:
    """All figures at one threshold."""
    return curve(samples, thresholds=np.array([threshold])).scores.at(0)


def curve(samples: Samples, *, thresholds: np.ndarray | int = THRESHOLDS) -> Curve:
    """All figures at many thresholds, in the time of one sort.

    Args:
        thresholds: (H,) rising, or how many from 0 to 1.

    Raises:
        SonantError: no samples, or a prediction that is no number.
    """
    require(len(samples), "there is no event to score: no region of this task occurs in the dialogues")
    prediction_M = np.asarray(samples.prediction_M, dtype=np.float32)
    require(np.isfinite(prediction_M).all(), "a prediction is NaN or infinite")
    threshold_H = np.linspace(0, 1, thresholds) if isinstance(thresholds, int) else np.asarray(thresholds)
    threshold_H = threshold_H.astype(np.float32)
    yes_M, no_M = (np.sort(prediction_M[samples.target_M == label]) for label in (1, 0))
    hit_H, false_H = (len(x) - np.searchsorted(x, threshold_H, side="left") for x in (yes_M, no_M))
    return Curve(threshold_H, scores_of_counts(hit_H, false_H, len(yes_M), len(no_M)))


def area(samples: Samples) -> float:
    """Area under the ROC curve: how often a sample of label 1 has a higher prediction than one of label 0 (a tie is
    half); whatever the threshold, 0.5 by chance. NaN where a label does not occur."""
    yes_M, no_M = (samples.prediction_M[samples.target_M == label] for label in (1, 0))
    if not len(yes_M) or not len(no_M):
        return float("nan")
    no_M = np.sort(no_M)
    below_M, not_above_M = (np.searchsorted(no_M, yes_M, side=side) for side in ("left", "right"))
    return float((below_M + not_above_M).mean() / (2 * len(no_M)))


def scores_of_counts(hit_H: np.ndarray, false_H: np.ndarray, yes: int, no: int) -> Scores:
    """Figures of (H,) samples of label 1 and of label 0 that are called 1, of ``yes`` and ``no`` in all."""
    missed_H, right_H = yes - hit_H, no - false_H
    f1_1, f1_0 = (
        _ratio(2 * hit_H, 2 * hit_H + false_H + missed_H),
        _ratio(2 * right_H, 2 * right_H + false_H + missed_H),
    )
    recall_1, recall_0 = _ratio(hit_H, yes, empty=np.nan), _ratio(right_H, no, empty=np.nan)
    return Scores(
        f1=(yes * f1_1 + no * f1_0) / (yes + no),
        balanced_accuracy=(recall_1 + recall_0) / 2,
        accuracy_0=recall_0,
        accuracy_1=recall_1,
        precision_0=_ratio(right_H, right_H + missed_H),
        precision_1=_ratio(hit_H, hit_H + false_H),
        f1_1=f1_1,
        accuracy=(hit_H + right_H) / (yes + no),
    )


def _ratio(part: np.ndarray, whole: np.ndarray | int, *, empty: float = 0.0) -> np.ndarray:
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=float), whole)
    return np.divide(part, whole, out=np.full(part.shape, empty), where=whole > 0)
