"""Tell a vector's cluster from all other clusters.

Li et al. 2021, "Prototypical contrastive learning" (arXiv:2005.04966), Eq. 11: every centroid has a temperature of its
own, how wide its cluster is.

Letters: B utterances, D channels, K clusters.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .precision import in_float32


@in_float32
def prototype_contrast(query_BD: Tensor, centroids_KD: Tensor, width_K: Tensor, cluster_B: Tensor) -> Tensor:
    """Mean of -log softmax_k(q c_k / phi_k) at the vector's own cluster, over vectors whose cluster is known.

    Args:
        query_BD: of any length.
        centroids_KD: of length 1, without gradient.
        width_K: phi, the temperature of every centroid.
        cluster_B: -1 where unknown. Without any known one the loss and its gradient are 0.
    """
    if not (cluster_B >= 0).any():
        return 0.0 * query_BD.sum()
    scores_BK = F.normalize(query_BD, dim=-1) @ centroids_KD.to(query_BD.dtype).T / width_K
    return F.cross_entropy(scores_BK, cluster_B, ignore_index=-1)
