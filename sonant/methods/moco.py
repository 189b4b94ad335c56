"""MoCo: the key of the other crop told from a queue of keys of earlier batches.

He et al. 2020 (arXiv:1911.05722), Algorithm 1, with a projector as in v2 (Chen et al. 2020, arXiv:2003.04297); for
speakers Lepage and Dehak 2024 (arXiv:2404.14913), symmetric as in their code: keys of first and of second views have a
queue each, and L is the mean of both directions. Keys come from a copy of the body that follows its weights slowly.

A query and its key must not share a batch's statistics (Sec. 3.3): with several processes each computes the keys of
every n-th utterance of the global batch, not of its own. One process alone cannot tell them apart.

Letters: B utterances over all processes, V views that have keys (2, or 1 unless symmetric), D channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient, rank, world_size
from sonant.nn.momentum import MomentumCopy, check_momentum
from sonant.nn.projector import Projector, Widths
from sonant.nn.queue import Queue
from sonant.nn.ssps import PositiveSampling, SspsConfig
from sonant.objectives.queue_contrast import queue_contrast


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    temperature: float = 0.03  # 0.07 in the paper, 0.2 in v2, for images
    queue: int = 32768  # keys that are remembered, a multiple of the global batch
    momentum: float = 0.999  # of the copy that computes keys
    projector: Widths = ()  # none is best for speakers; [2048, 128] in v2
    symmetric: bool = True  # both views are queries; false: the first alone
    ssps: SspsConfig = SspsConfig()  # positives from other recordings in place of the keys
    known_speakers: bool = False  # leave out keys of the same speaker, by the labels of the data: an upper bound

    def __post_init__(self):
        require(self.temperature > 0, f"moco: temperature must be positive, got {self.temperature}")
        require(self.queue >= 1, f"moco: queue must be at least 1, got {self.queue}")
        check_momentum("moco", self.momentum)


class Method(ViewsMethod):
    """A contrast with remembered keys on any encoder, context and embedding; the body of the queries is kept."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        self.slow = MomentumCopy(**self._fast())
        self.queues = nn.ModuleList(Queue(cfg.queue, self.projector.dim) for _ in range(1 + cfg.symmetric))

        dims = {"reference_dim": self.embedding.dim, "positive_dim": self.projector.dim}
        self.ssps = PositiveSampling(cfg.ssps, **dims) if cfg.ssps.mode != "off" else None

    def _fast(self) -> dict[str, nn.Module]:
        """What the copy follows."""
        names = ("encoder", "context", "embedding", "projector")
        return {name: getattr(self, name) for name in names}

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """(B, V, D) queries of the first views, and (B, V, D) keys of the views on their other side."""
        views_BVL = self.views_of(batch)
        key_of = (1, 0) if self.cfg.symmetric else (1,)
        self.slow.begin(**self._fast())
        with torch.no_grad():
            key_BVD = self._keys(views_BVL[:, key_of], batch)
        return self.vectors(views_BVL[:, : len(key_of)], batch), key_BVD

    def _keys(self, views_BVL: Tensor, batch: Batch) -> Tensor:
        """Vectors of the slow body, with several processes each of an utterance of another process's batch."""
        world, B = world_size(), len(views_BVL)
        if world == 1 or not self.training:
            return self.vectors(views_BVL, batch, body=self.slow.body())
        lengths_B = gather_with_gradient(batch.lengths_B)[rank() :: world]
        others_BVL = gather_with_gradient(views_BVL)[rank() :: world]
        found_BVD = self.vectors(others_BVL, replace(batch, lengths_B=lengths_B), body=self.slow.body())
        in_order = gather_with_gradient(found_BVD).unflatten(0, (world, B)).transpose(0, 1).flatten(0, 1)
        return in_order[rank() * B : (rank() + 1) * B]

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Mean over queries; parts: acc, the share of queries whose own key scores highest."""
        query_BVD, key_BVD = map(gather_with_gradient, embedded)
        speaker_B = None if batch.speaker_B is None else gather_with_gradient(batch.speaker_B)
        reference_BD = query_BVD.detach().mean(1)
        query_BVD = self.projector(query_BVD)
        with torch.no_grad():
            key_BVD = F.normalize(self.slow["projector"](key_BVD).float(), dim=-1)
        positive_BVD, parts = key_BVD, {}
        if self.ssps is not None:
            learning = self.training and torch.is_grad_enabled()
            other_BD, found_B, parts = self.ssps.replaced(reference_BD, key_BVD[:, 0], batch, learning=learning)
            positive_BVD = torch.where(found_B[:, None, None], other_BD[:, None], key_BVD)
        sides = zip(query_BVD.unbind(1), key_BVD.unbind(1), positive_BVD.unbind(1), self.queues, strict=True)
        found = [self._side(*side, speaker_B) for side in sides]
        loss, hit = (torch.stack(values).mean() for values in zip(*found, strict=True))
        return LossOut(total=loss, parts={"acc": hit, **parts}, count=len(query_BVD) * len(found))

    def _side(
        self, query_BD: Tensor, key_BD: Tensor, positive_BD: Tensor, queue: Queue, speaker_B: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Loss and success against the queue, which then takes the keys."""
        old_QD, label_Q = queue.snapshot()
        false_BQ = None
        if self.cfg.known_speakers:
            require(speaker_B is not None, "moco: known_speakers needs data whose utterances name their speakers")
            false_BQ = (speaker_B[:, None] == label_Q) & (label_Q >= 0)
        if self.training and torch.is_grad_enabled():
            queue.put(key_BD, speaker_B)
        return queue_contrast(query_BD, positive_BD, old_QD, temperature=self.cfg.temperature, false_BQ=false_BQ)

    def after_step(self, step: int, total_steps: int) -> None:
        self.slow.follow(self.cfg.momentum, **self._fast())
        if self.ssps is not None:
            self.ssps.after_step(step)
