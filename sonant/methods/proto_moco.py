"""Prototypical MoCo: the key of the other crop, and the cluster of the utterance, told from others.

Li et al. 2021, "Prototypical contrastive learning" (PCL, arXiv:2005.04966), Eqs. 10-12, on MoCo (He et al. 2020,
arXiv:1911.05722); for speakers Xia et al. 2021 (arXiv:2012.07178).

    L = -log softmax over (own key, queue) at q k / T  +  weight * -log softmax_k(q c_k / phi_k) at the own cluster

Every ``every`` steps from ``start`` on spherical k-means groups the remembered keys of all utterances; phi is how wide
a cluster is, scaled so that its mean is T. An utterance that had no key then takes no part in the second term.

Letters: B utterances over all processes, D channels, K clusters, N remembered utterances.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod, derive_seed, require
from sonant.core.distributed import gather_with_gradient, same_as_first
from sonant.nn.kmeans import concentrations, kmeans
from sonant.nn.memory import VectorMemory, keys_of
from sonant.nn.momentum import MomentumCopy, check_momentum
from sonant.nn.projector import Projector, Widths
from sonant.nn.queue import Queue
from sonant.objectives.prototype_contrast import prototype_contrast
from sonant.objectives.queue_contrast import queue_contrast


@dataclass(frozen=True)
class Config:
    """Settings of the objective; numbers of utterances and steps are those of VoxCeleb2 in batches of 256."""

    temperature: float = 0.07
    queue: int = 10_240  # keys that are remembered as negatives, a multiple of the global batch
    momentum: float = 0.999  # of the copy that computes keys
    projector: Widths = (512, 512)
    clusters: int = 5000  # K
    weight: float = 0.25  # of the second term
    start: int = 256_000  # step of the first clustering; 60 epochs
    every: int = 4265  # steps between two; an epoch
    iterations: int = 10  # of k-means
    smoothing: float = 10.0  # alpha of Eq. 12
    memory: int = 1_092_009  # N, at least the utterances of the training data

    def __post_init__(self):
        for name in ("queue", "clusters", "every", "iterations", "memory"):
            require(getattr(self, name) >= 1, f"proto_moco: {name} must be at least 1, got {getattr(self, name)}")
        require(self.temperature > 0, f"proto_moco: temperature must be above 0, got {self.temperature}")
        check_momentum("proto_moco", self.momentum)


class Method(ViewsMethod):
    """A contrast with keys and clusters of keys; the body of the queries is kept."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        D = self.projector.dim
        self.slow = MomentumCopy(**self._fast())
        self.keys = Queue(cfg.queue, D)
        self.memory = VectorMemory(cfg.memory, D)
        self.register_buffer("centroids_KD", torch.zeros(cfg.clusters, D))
        self.register_buffer("width_K", torch.ones(cfg.clusters))
        self.register_buffer("cluster_N", torch.full((cfg.memory,), -1))

    def _fast(self) -> dict[str, nn.Module]:
        """What the copy follows."""
        names = ("encoder", "context", "embedding", "projector")
        return {name: getattr(self, name) for name in names}

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, 1, D) queries of the first views and (B, 1, D) keys of the second."""
        views_BVL = self.views_of(batch)
        if self.training:
            self.slow.begin(**self._fast())
        with torch.no_grad():
            key_B1D = self.vectors(views_BVL[:, 1:2], batch, body=self.slow.body())
        return self.vectors(views_BVL[:, :1], batch), key_B1D

    def compare(self, embedded: tuple[Tensor, Tensor], batch: Batch) -> LossOut:
        """Mean over queries; parts: acc, the share whose own key scores highest, and the mean of the second term."""
        query_BD, key_BD = (gather_with_gradient(x_B1D)[:, 0] for x_B1D in embedded)
        query_BD, utterance_B = self.projector(query_BD), keys_of(batch)
        with torch.no_grad():
            key_BD = F.normalize(self.slow["projector"](key_BD), dim=-1)
        loss, hit = queue_contrast(query_BD, key_BD, self.keys.snapshot()[0], temperature=self.cfg.temperature)
        place_B = self.memory.find(utterance_B)
        cluster_B = self.cluster_N[place_B].masked_fill(place_B < 0, -1)
        proto = prototype_contrast(query_BD, self.centroids_KD.clone(), self.width_K.clone(), cluster_B)
        if self.training and torch.is_grad_enabled():
            self.keys.put(key_BD)
            place_B, new_B = self.memory.put(utterance_B, key_BD)
            self.cluster_N[place_B[new_B]] = -1
        parts = {"acc": hit, "prototypes": proto}
        return LossOut(total=loss + self.cfg.weight * proto, parts=parts, count=float(len(query_BD)))

    def after_step(self, step: int, total_steps: int) -> None:
        self.slow.follow(self.cfg.momentum, **self._fast())
        if step >= self.cfg.start and (step - self.cfg.start) % self.cfg.every == 0:
            self._cluster(step)

    def _cluster(self, step: int) -> None:
        """Group the keys, and measure how wide every cluster is."""
        seen, cfg = len(self.memory), self.cfg
        require(
            seen >= cfg.clusters,
            f"proto_moco: {seen} utterances seen so far cannot make {cfg.clusters} clusters; lower method.clusters or "
            "raise method.start",
        )
        seed = derive_seed("proto_moco", step)
        keys_ND = self.memory.vectors_ND[:seen]
        found = kmeans(keys_ND, cfg.clusters, iterations=cfg.iterations, spherical=True, seed=seed)
        width_K = concentrations(found, smoothing=cfg.smoothing)
        width_K = cfg.temperature * width_K / width_K.mean().clamp(min=1e-12)
        self.width_K.copy_(same_as_first(width_K.clamp(min=0.1 * cfg.temperature)))
        self.centroids_KD.copy_(same_as_first(found.centroids_KD))
        self.cluster_N.fill_(-1)
        self.cluster_N[:seen] = same_as_first(found.cluster_N)
