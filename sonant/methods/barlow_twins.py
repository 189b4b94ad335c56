"""Barlow Twins: every channel correlates with itself across two crops, and with no other channel.

Zbontar et al. 2021 (arXiv:2103.03230), Eq. 1; for speakers Lepage and Dehak 2022 (arXiv:2207.05506).

    L = scale * (sum_i (1 - c_ii)^2 + redundancy sum_(i != j) c_ij^2)

c is the correlation of the projections of first and second views over the batches of all processes together.

Letters: B utterances over all processes, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.objectives.barlow_twins import barlow_twins

from ._few import no_loss, too_few


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    projector: Widths = (2048, 2048, 512)  # for speakers; [8192, 8192, 8192] in the paper
    redundancy: float = 0.005  # lambda
    scale: float = 0.025  # of the whole loss

    def __post_init__(self):
        require(self.scale > 0, f"barlow_twins: scale must be above 0, or nothing is trained, got {self.scale}")
        require(self.redundancy >= 0, f"barlow_twins: redundancy must be at least 0, got {self.redundancy}")


class Method(ViewsMethod):
    """Redundancy reduction on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector, last="none")

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """The loss of the whole batch, >= 0; channels without any correlation score scale * D."""
        x_B2D = gather_with_gradient(embedded[0][:, :2])
        if too_few(self, len(x_B2D), least=2, advice="correlations need more; raise data.batch_size"):
            return no_loss()
        loss = barlow_twins(*self.projector(x_B2D).unbind(1), redundancy=self.cfg.redundancy)
        return LossOut(total=self.cfg.scale * loss, count=len(x_B2D))
