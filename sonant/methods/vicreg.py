"""VICReg: projections of two crops that agree, while every channel varies and no two say the same.

Bardes, Ponce and LeCun 2022 (arXiv:2105.04906), Eq. 6; for speakers Lepage and Dehak 2022 (arXiv:2207.05506), whose
weights the defaults are:

    L = invariance * s(z, z') + variance * (v(z) + v(z')) + covariance * (c(z) + c(z'))

VIbCReg (Lee and Aune 2021, arXiv:2109.00783) ends the projector in an iterative norm and takes correlations for
covariances: ``iter_norm: true``, ``decorrelate: correlations``, covariance 8.

Letters: B utterances over all processes, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.objectives.vicreg import correlations, covariances, hinge_of_deviations, invariance

from ._few import no_loss, too_few

TERMS = {"covariances": covariances, "correlations": correlations}


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    projector: Widths = (2048, 2048, 512)  # for speakers; [8192, 8192, 8192] in the paper
    invariance: float = 1.0  # weights of the three terms; 25, 25 and 1 in the paper, for images
    variance: float = 1.0
    covariance: float = 0.04
    unbiased: bool = True  # variances over B - 1; false: over B
    decorrelate: Literal["covariances", "correlations"] = "covariances"
    iter_norm: bool = False  # at the end of the projector

    def __post_init__(self):
        weights = (self.invariance, self.variance, self.covariance)
        require(min(weights) >= 0, f"vicreg: the weights of the terms must be at least 0, got {weights}")
        require(
            any(weights), "vicreg: invariance, variance and covariance are all 0: nothing would be trained; raise one"
        )


class Method(ViewsMethod):
    """Regularised invariance on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector, last="iter" if cfg.iter_norm else "none")

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """The weighted sum, >= 0; parts: the terms."""
        cfg, z_B2D = self.cfg, self.projector(gather_with_gradient(embedded[0][:, :2]))
        if too_few(self, len(z_B2D), least=2, advice="variances need more; raise data.batch_size"):
            return no_loss("invariance", "variance", "covariance")
        views = z_B2D.unbind(1)
        parts = {
            "invariance": invariance(*views),
            "variance": sum(hinge_of_deviations(z_BD, unbiased=cfg.unbiased) for z_BD in views),
            "covariance": sum(TERMS[cfg.decorrelate](z_BD) for z_BD in views),
        }
        total = sum(getattr(cfg, name) * value for name, value in parts.items() if getattr(cfg, name) > 0)
        return LossOut(total=total, parts=parts, count=len(z_B2D))
