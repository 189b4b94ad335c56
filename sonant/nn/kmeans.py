"""k-means, on the device that the vectors are on.

Lloyd 1982, "Least squares quantization in PCM"; Arthur and Vassilvitskii 2007 for ``plusplus``; Dhillon and Modha 2001
for the spherical kind: vectors and centroids of length 1, compared by their cosine.

Letters: N vectors, D channels, K clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core import require
from ..core.seeding import generator

AT_ONCE = 2**24  # distances computed together


@dataclass(frozen=True)
class Clusters:
    """What k-means found.

    Attributes:
        centroids_KD: of length 1 when spherical.
        cluster_N: of every vector.
        distance_N: of every vector from its centroid: squared; 2 - 2 cosine when spherical.
    """

    centroids_KD: Tensor
    cluster_N: Tensor
    distance_N: Tensor

    @property
    def inertia(self) -> float:
        """The sum of the distances, which k-means makes small."""
        return float(self.distance_N.double().sum())


@torch.no_grad()
def kmeans(
    x_ND: Tensor,
    number: int,
    *,
    iterations: int = 10,
    spherical: bool = False,
    start: Literal["random", "plusplus"] = "random",
    seed: int = 0,
) -> Clusters:
    """Group vectors into ``number`` clusters.

    A cluster that loses all its vectors starts anew at the vector that lies furthest from its centroid.

    Args:
        iterations: of assigning and averaging; ends early when nothing changes.
        spherical: by cosine; the vectors' lengths do not matter.
        start: random vectors, or vectors drawn far from each other (better, slow for many clusters).
        seed: equal seeds give equal clusters.

    Raises:
        SonantError: fewer vectors than clusters.
    """
    require(1 <= number <= len(x_ND), f"k-means finds at most as many clusters as vectors: {number} of {len(x_ND)}")
    x_ND = F.normalize(x_ND.float(), dim=1) if spherical else x_ND.float()
    centroids_KD = (_random if start == "random" else plusplus)(x_ND, number, seed)
    cluster_N, distance_N = assign(x_ND, centroids_KD)
    for _ in range(iterations):
        centroids_KD = _means(x_ND, cluster_N, distance_N, number)
        if spherical:
            centroids_KD = F.normalize(centroids_KD, dim=1)
        before_N = cluster_N
        cluster_N, distance_N = assign(x_ND, centroids_KD)
        if torch.equal(before_N, cluster_N):
            break
    return Clusters(centroids_KD, cluster_N, distance_N)


@torch.no_grad()
def assign(x_ND: Tensor, centroids_KD: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) the nearest centroid of every vector, and the squared distance from it."""
    square_K = centroids_KD.square().sum(1)
    found = []
    for part_ND in x_ND.split(max(AT_ONCE // len(centroids_KD), 1)):
        found.append((square_K - 2 * part_ND @ centroids_KD.T).min(1))
    distance_N = torch.cat([values for values, _ in found]) + x_ND.square().sum(1)
    return torch.cat([clusters for _, clusters in found]), distance_N.clamp_(min=0)


@torch.no_grad()
def nearest(x_ND: Tensor, to_KD: Tensor, number: int) -> Tensor:
    """(N, number) the rows of ``to_KD`` of highest cosine with every vector, nearest first."""
    to_DK = F.normalize(to_KD, dim=1).T
    parts = F.normalize(x_ND, dim=1).split(max(AT_ONCE // to_DK.shape[1], 1))
    return torch.cat([(part_ND @ to_DK).topk(number, dim=1).indices for part_ND in parts])


@torch.no_grad()
def concentrations(clusters: Clusters, *, smoothing: float = 10.0) -> Tensor:
    """(K,) how wide every cluster is: Li et al. 2021 (arXiv:2005.04966), Eq. 12; small clusters count as wider.

    phi_k = sum of the vectors' distances (not squared) / (n_k log(n_k + smoothing)); a cluster of at most one vector
    gets the widest one's.
    """
    K = len(clusters.centroids_KD)
    size_K = torch.bincount(clusters.cluster_N, minlength=K).float()
    zeros_K = clusters.distance_N.new_zeros(K)
    sum_K = zeros_K.index_add(0, clusters.cluster_N, clusters.distance_N.sqrt())
    phi_K = sum_K / (size_K * (size_K + smoothing).log()).clamp(min=1e-12)
    return torch.where(size_K > 1, phi_K, phi_K[size_K > 1].max() if (size_K > 1).any() else 1.0)


def _random(x_ND: Tensor, number: int, seed: int) -> Tensor:
    order_N = torch.randperm(len(x_ND), generator=generator(seed, "k-means"))
    return x_ND[order_N[:number].to(x_ND.device)].clone()


@torch.no_grad()
def plusplus(x_ND: Tensor, number: int, seed: int) -> Tensor:
    """(K, D) vectors to begin with: each next is the best of a few drawn in proportion to the squared distance so far.

    Arthur and Vassilvitskii 2007, with the greedy choice of their Sec. 6.
    """
    draws, tries = generator(seed, "k-means"), 2 + number.bit_length()
    square_N = x_ND.square().sum(1)
    chosen = [int(torch.randint(len(x_ND), (), generator=draws))]
    distance_N = (x_ND - x_ND[chosen[0]]).square().sum(1)
    for _ in range(number - 1):
        weight_N = distance_N.double().cpu().cumsum(0)
        drawn = torch.rand(tries, generator=draws, dtype=torch.float64) * weight_N[-1]
        rows = torch.searchsorted(weight_N, drawn).clamp(max=len(x_ND) - 1).to(x_ND.device)
        from_RN = (square_N[rows, None] - 2 * x_ND[rows] @ x_ND.T + square_N).clamp_(min=0)
        from_RN[torch.arange(len(rows), device=rows.device), rows] = 0  # exactly, so that it is not drawn again
        after_RN = torch.minimum(distance_N, from_RN)
        best = int(after_RN.sum(1).argmin())
        chosen.append(int(rows[best]))
        distance_N = after_RN[best]
    return x_ND[chosen].clone()


def _means(x_ND: Tensor, cluster_N: Tensor, distance_N: Tensor, number: int) -> Tensor:
    size_K = torch.bincount(cluster_N, minlength=number)
    sum_KD = x_ND.new_zeros(number, x_ND.shape[1]).index_add_(0, cluster_N, x_ND)
    centroids_KD = sum_KD / size_K.clamp(min=1)[:, None]
    empty = (size_K == 0).nonzero()[:, 0]
    if len(empty):
        centroids_KD[empty] = x_ND[distance_N.topk(len(empty)).indices]
    return centroids_KD
