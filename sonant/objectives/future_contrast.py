"""Tell the future of an utterance from the futures of others.

van den Oord et al. 2018, CPC (arXiv:1807.03748), Eq. 4, from the last context of each utterance alone: for every
future step, the other utterances of the batch at the same step are the negatives. Knowing nothing scores log B.

Letters: B utterances, K future steps, D channels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .infonce import infonce
from .precision import in_float32


@in_float32
def future_contrast(
    predicted_BKD: Tensor, future_BKD: Tensor, *, among: Literal["futures", "predictions"] = "futures"
) -> tuple[Tensor, Tensor]:
    """(B, K) losses and successes; the scores are dot products.

    Args:
        among: which compete: the ``futures`` of all utterances for a prediction, or the ``predictions`` for a future.
    """
    scores_KBB = predicted_BKD.transpose(0, 1) @ future_BKD.permute(1, 2, 0)
    scores_KBB = scores_KBB if among == "futures" else scores_KBB.transpose(1, 2)
    loss_KB, hit_KB = infonce(torch.diagonal(scores_KBB, dim1=1, dim2=2), scores_KBB)
    return loss_KB.T, hit_KB.T
