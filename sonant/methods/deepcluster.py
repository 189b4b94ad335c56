"""DeepCluster: clusters of what the model itself said of the utterances before, as classes.

Caron et al. 2018 (arXiv:1807.05520), in its second version (Caron et al. 2020, arXiv:2006.09882, Appendix D); for
speakers sslsv, whose values the defaults are.

Every ``every`` steps (an epoch) spherical k-means groups the remembered projections of all utterances, several times
with other random starts; clustering h looks at the projections of view h mod V. Then for every view

    L = mean over clusterings h of -log softmax_k(c_hk^T z / T) at the utterance's cluster

with the centroids c as they were found. Until the first clustering (the paper spends a pass over the data to fill the
memory) every utterance of the batch is a cluster of its own, whose centroid is the mean of its views.

Letters: B utterances over all processes, V views, C channels, D channels after the projector, H clusterings, K
clusters, N places of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import Batch, LossOut, ViewsMethod, derive_seed, require
from sonant.core.distributed import gather_with_gradient, same_as_first
from sonant.nn.kmeans import assign, kmeans
from sonant.nn.memory import VectorMemory, keys_of
from sonant.nn.projector import Projector, Widths
from sonant.objectives.deep_cluster import deep_cluster


@dataclass(frozen=True)
class Config:
    """Settings of the objective; numbers of utterances and steps are those of VoxCeleb2 in batches of 256."""

    clusters: int = 3000  # K
    clusterings: int = 3  # H
    iterations: int = 10  # of k-means
    every: int = 4265  # steps between two clusterings; an epoch
    memory: int = 1_092_009  # N, at least the utterances of the training data
    projector: Widths = (2048, 2048, 128)
    temperature: float = 0.1

    def __post_init__(self):
        for name in ("clusters", "clusterings", "iterations", "every"):
            require(getattr(self, name) >= 1, f"deepcluster: {name} must be at least 1, got {getattr(self, name)}")
        require(self.temperature > 0, f"deepcluster: temperature must be above 0, got {self.temperature}")
        require(
            self.memory >= self.clusters,
            f"deepcluster: a memory of {self.memory} utterances cannot make {self.clusters} clusters; raise "
            "method.memory to the utterances of the data, or lower method.clusters",
        )


class Method(ViewsMethod):
    """Cluster classification on any encoder, context and embedding; two views (``data.views``)."""

    def __init__(self, cfg: Config, **parts):
        super().__init__(cfg, **parts)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        self.memory = VectorMemory(cfg.memory, 2 * self.projector.dim)
        self.register_buffer("centroids_HKD", torch.zeros(cfg.clusterings, cfg.clusters, self.projector.dim))
        self.register_buffer("cluster_HN", torch.full((cfg.clusterings, cfg.memory), -1))
        self.register_buffer("clustered", torch.zeros((), dtype=torch.long))  # how often

    def compare(self, embedded: tuple[Tensor], batch: Batch) -> LossOut:
        """Mean cross-entropy in nats over utterances with a cluster; parts: known, the share of these."""
        x_BVC = gather_with_gradient(embedded[0][:, :2])
        z_BVD = self.projector(x_BVC.flatten(0, 1)).unflatten(0, x_BVC.shape[:2])
        with torch.autocast(z_BVD.device.type, enabled=False):
            z_BVD = F.normalize(z_BVD.to(torch.promote_types(z_BVD.dtype, torch.float32)), dim=-1)
            key_B = keys_of(batch)
            centroids_HKD, cluster_HB = self._classes(z_BVD.detach(), key_B)
            scores_HVBK = z_BVD.transpose(0, 1) @ centroids_HKD.to(z_BVD.dtype)[:, None].transpose(-1, -2)
        loss = deep_cluster(scores_HVBK, cluster_HB, temperature=self.cfg.temperature)
        if self.training and torch.is_grad_enabled():
            self._remember(z_BVD.detach(), key_B)
        known = (cluster_HB[0] >= 0).sum()
        return LossOut(total=loss, parts={"known": known / len(z_BVD)}, count=known)

    @torch.no_grad()
    def _classes(self, z_BVD: Tensor, key_B: Tensor) -> tuple[Tensor, Tensor]:
        """Centroids, and the cluster that every utterance had when they were found; -1 for those not seen before."""
        mean_BD = F.normalize(z_BVD.mean(1), dim=-1)
        if not self.clustered:
            return mean_BD[None], torch.arange(len(mean_BD), device=mean_BD.device)[None]
        place_B = self.memory.find(key_B)
        cluster_HB = self.cluster_HN[:, place_B].masked_fill(place_B < 0, -1)
        if not self.training:  # held-out utterances belong to the nearest centroid
            centroids_HKD = self.centroids_HKD.to(mean_BD.dtype)
            nearest_HB = torch.stack([assign(mean_BD, centroids_KD)[0] for centroids_KD in centroids_HKD])
            cluster_HB = torch.where(cluster_HB < 0, nearest_HB, cluster_HB)
        return self.centroids_HKD.clone(), cluster_HB

    def _remember(self, z_BVD: Tensor, key_B: Tensor) -> None:
        places, new = self.memory.put(key_B, z_BVD.flatten(1))
        self.cluster_HN[:, places[new]] = -1

    def after_step(self, step: int, total_steps: int) -> None:
        if step % self.cfg.every == 0:
            self._cluster(step)

    def _cluster(self, step: int) -> None:
        """Group what is remembered, anew for every clustering."""
        seen = len(self.memory)
        require(
            seen >= self.cfg.clusters,
            f"deepcluster: {seen} utterances seen in {self.cfg.every} steps cannot make {self.cfg.clusters} clusters; "
            "lower method.clusters or raise method.every",
        )
        of_views = self.memory.vectors_ND[:seen].chunk(2, dim=1)
        self.cluster_HN.fill_(-1)
        for h in range(self.cfg.clusterings):
            found = kmeans(
                of_views[h % 2],
                self.cfg.clusters,
                iterations=self.cfg.iterations,
                spherical=True,
                seed=derive_seed("deepcluster", step, h),
            )
            self.centroids_HKD[h] = same_as_first(found.centroids_KD)
            self.cluster_HN[h, :seen] = same_as_first(found.cluster_N)
        self.clustered += 1
