"""SwAV: the prototypes of one crop foretold from the other.

Caron et al. 2020, "Unsupervised learning of visual features by contrasting cluster assignments" (arXiv:2006.09882);
for speakers sslsv, whose values the defaults are.

    s = c^T z, cosines with prototypes c          q = Sinkhorn(s), codes that use all prototypes equally     Eqs. 3-5
    L = mean over pairs of views v != w of -sum_k q_k(v) log softmax_k(s(w) / T)                             Eqs. 1-2

Codes are found over the batch of all processes and, from ``queue_from`` on, over the projections of earlier batches
too. Short crops (``local_views``, where the batch has them) are foretold from, and have no codes.

Letters: B utterances over all processes, G long crops, S all crops, C channels, D channels after the projector,
K prototypes. Scores that say nothing cost log K.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.nn.prototypes import Prototypes
from sonant.nn.queue import Queue
from sonant.objectives.swav import sinkhorn, swapped_prediction


@dataclass(frozen=True)
class Config:
    """Settings of the objective; steps of an epoch are those of VoxCeleb2 in batches of 256."""

    prototypes: int = 3000  # K; 6000 did best for speakers
    projector: Widths = (2048, 2048, 128)
    temperature: float = 0.1
    eps: float = 0.05  # of Sinkhorn; smaller: codes nearer to one-hot
    iterations: int = 3  # of Sinkhorn
    queue: int = 3840  # projections of each long crop that are remembered, a multiple of the batch; 0: none
    queue_from: int = 64_000  # step from which they take part; 15 epochs
    frozen_steps: int = 4270  # in which the prototypes stay as they are; 1 epoch

    def __post_init__(self):
        require(self.temperature > 0 and self.eps > 0, "swav: temperature and eps must be above 0")
        require(self.iterations >= 1, f"swav: Sinkhorn needs at least one iteration, got {self.iterations}")
        require(self.queue >= 0, f"swav: queue must be at least 0, got {self.queue}")


class Method(ViewsMethod):
    """Prototypes on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **parts):
        super().__init__(cfg, **parts)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        self.prototypes = Prototypes(self.projector.dim, cfg.prototypes)
        self.queues = nn.ModuleList(Queue(cfg.queue, self.projector.dim) for _ in range(2 if cfg.queue else 0))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, G, C) long and (B, S - G, C) short crops."""
        long_BGC = self.vectors(self.views_of(batch), batch)
        short_BWL = batch.extras.get("local_views")
        return long_BGC, long_BGC[:, :0] if short_BWL is None else self.vectors(short_BWL, batch)

    def compare(self, embedded: tuple[Tensor, Tensor], batch: Batch) -> LossOut:
        """Mean cross-entropy in nats; parts: share of prototypes that some code of the batch prefers."""
        x_BSC = gather_with_gradient(torch.cat(embedded, dim=1))
        B, S, _ = x_BSC.shape
        G, step = embedded[0].shape[1], int(self.step)
        z_BSD = self.projector(x_BSC.flatten(0, 1)).unflatten(0, (B, S))
        scores_BSK = self.prototypes(z_BSD, frozen=self.training and step < self.cfg.frozen_steps)
        codes = [self._codes(scores_BSK[:, g], self._earlier(g, step)) for g in range(G)]
        loss = swapped_prediction(scores_BSK, torch.stack(codes, dim=1), temperature=self.cfg.temperature)
        if self.training and torch.is_grad_enabled():
            for queue, z_BD in zip(self.queues, z_BSD.unbind(1), strict=False):
                queue.put(F.normalize(z_BD.detach(), dim=1))
        used = torch.cat([code_BK.argmax(1) for code_BK in codes]).unique().numel() / self.cfg.prototypes
        return LossOut(total=loss, parts={"prototypes_used": torch.tensor(used)}, count=float(B))

    def _earlier(self, view: int, step: int) -> Tensor | None:
        """(Q, D) remembered projections of a long crop, once they take part."""
        if view >= len(self.queues) or step < self.cfg.queue_from or not self.training:
            return None
        return self.queues[view].vectors_QD

    @torch.no_grad()
    def _codes(self, scores_BK: Tensor, earlier_QD: Tensor | None) -> Tensor:
        """(B, K) codes of the batch, shared out together with those of earlier projections."""
        scores_NK = scores_BK.detach()
        if earlier_QD is not None:
            scores_NK = torch.cat([scores_NK, self.prototypes(earlier_QD).to(scores_NK.dtype)])
        return sinkhorn(scores_NK, eps=self.cfg.eps, iterations=self.cfg.iterations)[: len(scores_BK)]

    def after_step(self, step: int, total_steps: int) -> None:
        self.step.fill_(step)
