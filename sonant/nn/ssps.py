"""Positives from other recordings: an utterance's own crop replaced by what was remembered of a neighbour.

Lepage and Dehak 2025, "Self-supervised frameworks for speaker verification via bootstrapped positive sampling" (SSPS,
arXiv:2501.17772): crops of one utterance share their channel, and a model that learns the channel does well on them.

The vectors of all utterances (references) are remembered. From a step on, the positive of an utterance becomes the
remembered positive of another utterance that is

    knn          among its nearest references
    kmeans_repr  in a cluster near to its own (neighbours 0: in its own)
    kmeans       all of that cluster's, averaged

and has been seen lately, else the utterance keeps its own. Those of the same name never stand in for each other.

Letters: B utterances over all processes, R channels of a reference, D channels of a positive, N references,
P positives, K clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..core import Batch, derive_seed, require
from ..core.distributed import gather_with_gradient, same_as_first
from ..core.seeding import generator
from .kmeans import kmeans, nearest
from .memory import VectorMemory, keys_of


@dataclass(frozen=True)
class SspsConfig:
    """Settings of the sampling; numbers of utterances and steps are those of VoxCeleb2 in batches of 256."""

    mode: Literal["off", "knn", "kmeans", "kmeans_repr"] = "off"
    start: int = 384_000  # step from which positives are replaced; the body must know speakers by then (epoch 90)
    every: int = 4265  # steps between two clusterings; an epoch
    clusters: int = 25_000  # K, more than there are speakers
    neighbours: int = 1  # nearest clusters, or references with knn, that a positive is drawn from
    references: int = 1_092_009  # N, at least the utterances of the training data
    positives: int = 50_000  # P, the newest that can stand in
    iterations: int = 10  # of k-means

    def __post_init__(self):
        for name in ("every", "clusters", "references", "positives", "iterations"):
            require(getattr(self, name) >= 1, f"ssps: {name} must be at least 1, got {getattr(self, name)}")
        least = 1 if self.mode == "knn" else 0
        require(self.neighbours >= least, f"ssps: neighbours must be at least {least}, got {self.neighbours}")


class PositiveSampling(nn.Module):
    """The memories, and who stands in for whom."""

    def __init__(self, cfg: SspsConfig, *, reference_dim: int, positive_dim: int):
        super().__init__()
        self.cfg = cfg
        self.references = VectorMemory(cfg.references, reference_dim)
        self.positives = VectorMemory(cfg.positives, positive_dim)
        self.register_buffer("cluster_N", torch.full((cfg.references,), -1))  # of every reference
        self.register_buffer("cluster_P", torch.full((cfg.positives,), -1))  # of the utterances of the positives
        self.register_buffer("near_KM", torch.zeros(cfg.clusters, max(cfg.neighbours, 1), dtype=torch.long))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def replaced(
        self, reference_BR: Tensor, own_BD: Tensor, batch: Batch, *, learning: bool
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """What every utterance is compared with: (B, D) positives, (B,) whether another's, and figures to log.

        Args:
            reference_BR, own_BD: of the utterances of all processes.
            learning: replace, and remember both; False (validation): everyone keeps its own.

        Figures: ssps_replaced, the share that got another's; ssps_same_speaker, how many of these share the speaker
        (0 where the data name none).
        """
        key_B = keys_of(batch)
        speaker_B = None if batch.speaker_B is None else gather_with_gradient(batch.speaker_B)
        found_B, positive_BD = torch.zeros_like(key_B, dtype=torch.bool), own_BD.detach()
        same = torch.zeros((), device=own_BD.device)
        if learning and int(self.step) >= self.cfg.start:
            may_BP = self._candidates(reference_BR, key_B)
            found_B = may_BP.any(1)
            chance_BP = torch.rand(may_BP.shape, generator=generator("ssps", int(key_B[0]), int(self.step)))
            place_B = chance_BP.to(may_BP.device).masked_fill(~may_BP, -1.0).argmax(1)
            other_BD = self.positives.vectors_ND[place_B]
            if self.cfg.mode == "kmeans":
                weight_BP = may_BP.to(other_BD.dtype)
                other_BD = weight_BP @ self.positives.vectors_ND / weight_BP.sum(1, keepdim=True).clamp(min=1)
            positive_BD = torch.where(found_B[:, None], other_BD.to(own_BD.dtype), positive_BD)
            if speaker_B is not None and found_B.any():
                same = (self.positives.label_N[place_B] == speaker_B)[found_B].float().mean()
        if learning:
            self._remember(key_B, reference_BR, own_BD, speaker_B)
        return positive_BD, found_B, {"ssps_replaced": found_B.float().mean(), "ssps_same_speaker": same}

    def _candidates(self, reference_BR: Tensor, key_B: Tensor) -> Tensor:
        """(B, P) whose positives may stand in."""
        other_BP = (self.positives.key_N >= 0) & (self.positives.key_N != key_B[:, None])
        if self.cfg.mode == "knn":
            seen = len(self.references)
            if seen <= self.cfg.neighbours + 1:
                return other_BP & False
            near_BM = nearest(reference_BR.float(), self.references.vectors_ND[:seen], self.cfg.neighbours + 1)
            near_key_BM = self.references.key_N[near_BM]
            own_BM = near_key_BM == key_B[:, None]
            keep_BM = ~own_BM & ((~own_BM).cumsum(1) <= self.cfg.neighbours)
            near_key_BM = near_key_BM.masked_fill(~keep_BM, -2)
            return other_BP & (self.positives.key_N[None, :, None] == near_key_BM[:, None]).any(2)
        place_B = self.references.find(key_B)
        cluster_B = self.cluster_N[place_B].masked_fill(place_B < 0, -1)
        near_BM = self.near_KM[cluster_B.clamp(min=0)] if self.cfg.neighbours else cluster_B[:, None]
        draws = generator("ssps cluster", int(key_B[0]), int(self.step))
        draw_B = torch.randint(near_BM.shape[1], (len(key_B),), generator=draws)
        wanted_B = near_BM.gather(1, draw_B.to(near_BM.device)[:, None])[:, 0]
        return other_BP & (self.cluster_P == wanted_B[:, None]) & (cluster_B >= 0)[:, None]

    def _remember(self, key_B: Tensor, reference_BR: Tensor, own_BD: Tensor, speaker_B: Tensor | None) -> None:
        place_B, new_B = self.references.put(key_B, reference_BR, speaker_B)
        self.cluster_N[place_B[new_B]] = -1
        place_B, _ = self.positives.put(key_B, own_BD, speaker_B)
        at_B = self.references.find(self.positives.key_N[place_B])
        self.cluster_P[place_B] = self.cluster_N[at_B].masked_fill(at_B < 0, -1)

    def after_step(self, step: int) -> None:
        """Group the references anew when it is time."""
        self.step.fill_(step)
        begins = step >= self.cfg.start and (step - self.cfg.start) % self.cfg.every == 0
        if begins and self.cfg.mode != "knn":
            self._cluster(step)

    def _cluster(self, step: int) -> None:
        seen, K, M = len(self.references), self.cfg.clusters, self.cfg.neighbours
        require(
            seen >= K > M,
            f"ssps: {seen} utterances seen so far cannot make {K} clusters with {M} neighbours each; lower "
            "method.ssps.clusters, or raise method.ssps.start",
        )
        seed, rounds = derive_seed("ssps", step), self.cfg.iterations
        found = kmeans(self.references.vectors_ND[:seen], K, iterations=rounds, spherical=True, seed=seed)
        self.cluster_N.fill_(-1)
        self.cluster_N[:seen] = same_as_first(found.cluster_N)
        centroids_KR = same_as_first(found.centroids_KD)
        if M:
            near_KM = nearest(centroids_KR, centroids_KR, M + 1)
            itself_KM = near_KM == torch.arange(K, device=near_KM.device)[:, None]
            itself_KM[:, -1] |= ~itself_KM.any(1)  # of equal centroids another may have come first
            self.near_KM.copy_(near_KM[~itself_KM].unflatten(0, (K, M)))
        at_P = self.references.find(self.positives.key_N)
        self.cluster_P.copy_(self.cluster_N[at_P].masked_fill(at_P < 0, -1))
