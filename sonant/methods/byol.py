"""BYOL: predict what a slower copy of the model makes of the other crop, without negatives.

Grill et al. 2020 (arXiv:2006.07733), Eqs. 1 to 3: of two views v, v'

    L = (2 - 2 cos(q(z_v), z'_v')) + (2 - 2 cos(q(z_v'), z'_v))

with z the projections, q the predictor and z' the projections of the copy, which take no gradient. The copy follows
the weights by a momentum that rises to 1 on a cosine. Vectors that are all alike score 0: watch ``embedding_std``.

Letters: B utterances over all processes, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod
from sonant.core.distributed import gather_with_gradient
from sonant.nn.momentum import MomentumCopy, check_momentum, cosine_momentum
from sonant.nn.projector import Projector, Widths
from sonant.objectives.cosine_distance import negative_cosine


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    projector: Widths = (4096, 256)  # layers of the projector
    predictor: int = 4096  # hidden channels of the predictor
    momentum: float = 0.996  # of the copy, at the first step
    final_momentum: float = 1.0  # at the last

    def __post_init__(self):
        check_momentum("byol", self.momentum, self.final_momentum)


class Method(ViewsMethod):
    """A regression between two bodies; the one with gradients is kept."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        self.predictor = Projector(self.projector.dim, (cfg.predictor, self.projector.dim))
        self.slow = MomentumCopy(**self._fast())

    def _fast(self) -> dict[str, nn.Module]:
        """What the copy follows."""
        names = ("encoder", "context", "embedding", "projector")
        return {name: getattr(self, name) for name in names}

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """(B, 2, D) vectors of both views, and those of the copy."""
        views_B2L = self.views_of(batch)[:, :2]
        self.slow.begin(**self._fast())
        with torch.no_grad():
            slow_B2D = self.vectors(views_B2L, batch, body=self.slow.body())
        return self.vectors(views_B2L, batch), slow_B2D

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Both directions added, in [0, 8], each 2 for vectors at right angles."""
        fast_B2D, slow_B2D = map(gather_with_gradient, embedded)
        predicted_B2D = self.predictor(self.projector(fast_B2D))
        with torch.no_grad():
            target_B2D = self.slow["projector"](slow_B2D)
        loss = 4 + 4 * negative_cosine(predicted_B2D, target_B2D.flip(1))  # the mean of both directions, twice
        return LossOut(total=loss, count=2 * len(fast_B2D))

    def after_step(self, step: int, total_steps: int) -> None:
        momentum = cosine_momentum(step, total_steps, start=self.cfg.momentum, end=self.cfg.final_momentum)
        self.slow.follow(momentum, **self._fast())
