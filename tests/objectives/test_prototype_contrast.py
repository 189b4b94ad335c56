from __future__ import annotations

import torch
import torch.nn.functional as F

from sonant.objectives.prototype_contrast import prototype_contrast


def test_written_out_every_cluster_has_its_own_temperature():
    torch.manual_seed(0)
    query, centroids, width = torch.randn(3, 4), F.normalize(torch.randn(5, 4), dim=1), torch.rand(5) + 0.1
    terms = []
    for q, k in ((0, 2), (2, 4)):
        scores = torch.stack([F.cosine_similarity(query[q], c, dim=0) for c in centroids]) / width
        terms.append(-scores.log_softmax(0)[k])
    loss = prototype_contrast(query, centroids, width, torch.tensor([2, -1, 4]))
    torch.testing.assert_close(loss, torch.stack(terms).mean())
    assert prototype_contrast(query, centroids, width, torch.full((3,), -1)) == 0
