"""W-MSE: whitened projections of two crops that agree; whitening leaves no way to make all vectors alike.

Ermolov et al. 2021 (arXiv:2007.06346), Eq. 6: the batch is drawn apart into groups, each view of each group is
whitened by itself, and

    L = mean over utterances of 2 - 2 cos(w(z), w(z'))

Groups reach over the batches of all processes. Sampling them anew several times is the paper's "iterations".

Letters: G groups, N utterances of a group, B = G N utterances over all processes, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.objectives.cosine_distance import negative_cosine
from sonant.objectives.whitening import whitened

from ._few import no_loss, too_few
from ._shared_draw import shared_generator


@dataclass(frozen=True)
class Config:
    """Settings of the objective (Sec. 4)."""

    projector: Widths = (1024, 64)  # the last is D
    group: int = 128  # N, utterances that are whitened together, above D
    iterations: int = 1  # times that groups are drawn
    eps: float = 0.0  # share of the identity in the covariances

    def __post_init__(self):
        require(self.group > 1 and self.iterations >= 1, "wmse: group must be above 1, iterations at least 1")
        require(0 <= self.eps < 1, f"wmse: eps must lie in [0, 1), got {self.eps}")


class Method(ViewsMethod):
    """Whitening on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector, last="none")
        require(
            self.projector.dim < cfg.group,
            f"wmse: a group of {cfg.group} utterances cannot whiten {self.projector.dim} channels: raise method.group, "
            "or lower the last width of method.projector",
        )

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Mean over utterances and draws, in [0, 4]; outside of training the rest of a batch is left out."""
        z_B2D = self.projector(gather_with_gradient(embedded[0][:, :2]))
        if too_few(self, len(z_B2D), least=self.cfg.group, advice="raise data.batch_size or lower method.group"):
            return no_loss()
        whole = len(z_B2D) // self.cfg.group * self.cfg.group
        require(
            whole == len(z_B2D) or not self.training,
            f"wmse: a batch of {len(z_B2D)} utterances does not divide into groups of {self.cfg.group}: set "
            "data.batch_size to a multiple of method.group",
        )
        draw = shared_generator(batch, "groups")
        orders = [torch.randperm(len(z_B2D), generator=draw).to(z_B2D.device) for _ in range(self.cfg.iterations)]
        total = torch.stack([self._distance(z_B2D[order[:whole]]) for order in orders]).mean()
        return LossOut(total=total, count=whole)

    def _distance(self, z_B2D: Tensor) -> Tensor:
        """Of both views, in groups of neighbours."""
        a, b = (whitened(z_BD.unflatten(0, (-1, self.cfg.group)), eps=self.cfg.eps) for z_BD in z_B2D.unbind(1))
        return 2 + 2 * negative_cosine(a, b)
