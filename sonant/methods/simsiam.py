"""SimSiam: predict the projection of the other crop, whose gradient is stopped; neither negatives nor a second body.

Chen and He 2021 (arXiv:2011.10566), Algorithm 1: of two views, p the predictions and z the projections,

    L = -cos(p_1, z_2) / 2 - cos(p_2, z_1) / 2

On speakers it collapsed in published comparisons: watch ``embedding_std`` and ``embedding_rank``. The paper keeps the
predictor's learning rate constant while that of the rest falls; here all weights share one schedule.

Letters: B utterances over all processes, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sonant.core import Batch, LossOut, ViewsMethod
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.objectives.cosine_distance import negative_cosine


@dataclass(frozen=True)
class Config:
    """Settings of the objective (Sec. 3)."""

    projector: Widths = (2048, 2048, 2048)  # layers of the projector, the last with a batch norm without weights
    predictor: int = 512  # hidden channels of the predictor


class Method(ViewsMethod):
    """A regression on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector, last="plain")
        self.predictor = Projector(self.projector.dim, (cfg.predictor, self.projector.dim))

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Mean of both directions, in [-1, 1]."""
        z_B2D = self.projector(gather_with_gradient(embedded[0][:, :2]))
        loss = negative_cosine(self.predictor(z_B2D), z_B2D.detach().flip(1))
        return LossOut(total=loss, count=2 * len(z_B2D))
