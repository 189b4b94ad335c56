"""Clusters of earlier vectors as classes.

Caron et al. 2018 (arXiv:1807.05520); version 2 in Caron et al. 2020 (arXiv:2006.09882), Appendix D: several
clusterings, the centroids as classifiers.

Letters: H clusterings, V views, B utterances, K clusters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32


@in_float32
def deep_cluster(scores_HVBK: Tensor, cluster_HB: Tensor, *, temperature: float) -> Tensor:
    """The mean cross-entropy of scores / temperature over clusterings, views and utterances whose cluster is known.

    Args:
        cluster_HB: the clusters, -1 where unknown. Without any known one the loss and its gradient are 0.
    """
    if not (cluster_HB >= 0).any():
        return 0.0 * scores_HVBK.sum()
    losses = []
    for scores_VBK, cluster_B in zip(scores_HVBK / temperature, cluster_HB, strict=True):
        if (cluster_B >= 0).any():
            losses += [F.cross_entropy(scores_BK, cluster_B, ignore_index=-1) for scores_BK in scores_VBK]
    return torch.stack(losses).mean()
