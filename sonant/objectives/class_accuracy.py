"""Is the right class among the most probable ones?

Letters: N frames, K classes.
"""

from __future__ import annotations

from torch import Tensor

from sonant.core import require


def top_accuracy(logits_NK: Tensor, class_N: Tensor, *, most: int = 5) -> Tensor:
    """(most,) the share of frames whose class is among the 1, 2, .. ``most`` most probable; of K classes at most K.

    In [0, 1], higher is better, chance k / K. Float32; NaN without a frame.
    """
    require(most >= 1, f"top_accuracy needs at least one guess, got {most}")
    guess_NM = logits_NK.topk(min(most, logits_NK.shape[1]), dim=1).indices
    return (guess_NM == class_N[:, None]).float().cumsum(1).mean(0)
