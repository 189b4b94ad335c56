"""Tell the key of the same utterance from a queue of keys of others.

He et al. 2020, "Momentum contrast" (arXiv:1911.05722), Eq. 1:

    L = mean over anchors of  -log  exp(q k+ / T) / (exp(q k+ / T) + sum_j exp(q k_j / T))

Knowing nothing scores log(Q + 1).

Letters: B utterances, D channels, Q vectors of the queue.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .infonce import infonce
from .precision import in_float32


@in_float32
def queue_contrast(
    query_BD: Tensor, key_BD: Tensor, queue_QD: Tensor, *, temperature: float, false_BQ: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The mean loss and the share of anchors whose own key scores highest.

    Args:
        query_BD, key_BD: of any length; no gradient reaches the keys.
        queue_QD: vectors of length 1.
        false_BQ: true where a vector of the queue is no negative of an anchor, such as one of the same speaker.
    """
    q_BD, k_BD = F.normalize(query_BD, dim=-1), F.normalize(key_BD.detach(), dim=-1)
    negative_BQ = q_BD @ queue_QD.to(q_BD.dtype).T
    if false_BQ is not None:
        negative_BQ = negative_BQ.masked_fill(false_BQ, -torch.inf)
    positive_B = (q_BD * k_BD).sum(-1)
    scores_BN = torch.cat([positive_B[:, None], negative_BQ], dim=1) / temperature
    loss_B, hit_B = infonce(scores_BN[:, 0], scores_BN)
    return loss_B.mean(), hit_B.to(loss_B.dtype).mean()
