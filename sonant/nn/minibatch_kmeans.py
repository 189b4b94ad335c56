"""k-means from mini-batches, for more vectors than fit in memory.

Sculley 2010, "Web-scale k-means clustering": a centroid is the running mean of the vectors that it was nearest to. Here
it forgets: at the beginning of each pass over the data all but ``KEPT`` of the weight of what came before is dropped,
so that a centroid ends each pass near the mean of the vectors that this pass gave it, as in Lloyd's algorithm, and what
was averaged under poor early centroids does not stay.

Letters: N vectors, D channels, K clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core import require
from ..core.seeding import generator
from .kmeans import assign, plusplus

KEPT = 0.05  # of the weight of a centroid, from one pass to the next


def best_start(x_ND: Tensor, number: int, *, tries: int, seed: int) -> Tensor:
    """(K, D) centroids to begin with: the k-means++ start of lowest inertia among several.

    Args:
        x_ND: a sample of the vectors; starts are drawn from it and compared on it.
        tries: how many starts.

    Raises:
        SonantError: fewer vectors than clusters.
    """
    require(1 <= number <= len(x_ND), f"k-means finds at most as many clusters as vectors: {number} of {len(x_ND)}")
    starts = [plusplus(x_ND, number, seed + i) for i in range(tries)]
    inertia = [float(assign(x_ND, start_KD)[1].double().sum()) for start_KD in starts]
    return starts[inertia.index(min(inertia))]


@dataclass
class RunningMeans:
    """The state between two batches.

    Attributes:
        centroids_KD: float32.
        weight_K: how many vectors each centroid is the mean of, those of earlier passes counted for less.
        pass_K: vectors of each cluster in this pass.
        distance: sum of the squared distances of this pass, each from the centroids of its time.
    """

    centroids_KD: Tensor
    weight_K: Tensor
    pass_K: Tensor
    distance: float = 0.0

    @classmethod
    def of(cls, centroids_KD: Tensor) -> RunningMeans:
        """The state before the first batch."""
        zeros_K = centroids_KD.new_zeros(len(centroids_KD), dtype=torch.float64)
        return cls(centroids_KD.float().clone(), zeros_K, zeros_K.clone())

    @property
    def inertia(self) -> float:
        """Mean squared distance of the vectors of this pass."""
        return self.distance / max(float(self.pass_K.sum()), 1.0)

    def begin(self) -> None:
        """Begin a pass over the data."""
        self.weight_K = self.weight_K * KEPT
        self.pass_K = torch.zeros_like(self.pass_K)
        self.distance = 0.0

    @torch.no_grad()
    def update(self, x_ND: Tensor) -> None:
        """Move the centroids towards a batch of vectors."""
        cluster_N, distance_N = assign(x_ND, self.centroids_KD)
        count_K = torch.bincount(cluster_N, minlength=len(self.centroids_KD)).to(self.weight_K)
        sum_KD = torch.zeros_like(self.centroids_KD).index_add_(0, cluster_N, x_ND)
        after_K = self.weight_K + count_K
        old_K = (self.weight_K / after_K.clamp(min=1e-12)).to(x_ND)[:, None]
        mean_KD = old_K * self.centroids_KD + sum_KD / after_K.clamp(min=1e-12).to(x_ND)[:, None]
        self.centroids_KD = torch.where((count_K > 0)[:, None], mean_KD, self.centroids_KD)
        self.weight_K, self.pass_K = after_K, self.pass_K + count_K
        self.distance += float(distance_N.double().sum())

    @torch.no_grad()
    def revive(self, x_ND: Tensor, *, seed: int) -> int:
        """Move clusters that this pass left empty to vectors drawn in proportion to their squared distance; how many.

        Args:
            x_ND: vectors to draw from, at least as many as clusters are empty.
        """
        empty_E = (self.pass_K == 0).nonzero()[:, 0]
        if not len(empty_E):
            return 0
        weight_N = assign(x_ND, self.centroids_KD)[1].double().cpu()
        if int((weight_N > 0).sum()) < len(empty_E):
            return 0
        rows_E = torch.multinomial(weight_N, len(empty_E), generator=generator(seed, "empty clusters"))
        self.centroids_KD[empty_E] = x_ND[rows_E.to(x_ND.device)]
        self.weight_K[empty_E] = 0.0
        return len(empty_E)
