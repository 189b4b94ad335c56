"""What one scores without having listened: always the more frequent label, or a coin."""

from __future__ import annotations

import numpy as np

from ...core import numpy_generator
from .metrics import Scores, scores_at
from .scoring import Samples


def majority_scores(samples: Samples, train_target_M: np.ndarray | None = None) -> Scores:
    """Always the label that is the more frequent one in training; equally frequent: label 1.

    Args:
        train_target_M: labels of the training dialogues; None: those of the samples themselves.
    """
    known_M = samples.target_M if train_target_M is None else train_target_M
    guess = float(np.mean(known_M) >= 0.5)
    return scores_at(Samples(np.full(len(samples), guess), samples.target_M))


def random_scores(samples: Samples, *, seed: int = 0, share: float = 0.5) -> Scores:
    """A seeded coin for every sample that says 1 with probability ``share``."""
    rng = numpy_generator(seed, "turn-taking coin")
    drawn_M = (rng.random(len(samples)) < share).astype(float)
    return scores_at(Samples(drawn_M, samples.target_M))
