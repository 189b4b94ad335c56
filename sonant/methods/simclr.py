"""SimCLR: the vectors of two crops of an utterance closer to each other than to those of all others.

Chen et al. 2020 (arXiv:2002.05709), Eq. 1; for speakers Huh et al. 2020 (arXiv:2007.12085), who add the channel term,
and Lepage and Dehak 2024 (arXiv:2404.14913), whose values the defaults are.

    nt_xent   every view against all views of the batch: 2 B anchors, 2 B - 1 candidates
    one_way   first views against second views: B anchors, B candidates (InfoNCE)
    angular   second views against first ones at the scores w cos, w learnt; the paper's shift b cancels in the softmax

    L = contrast + channel * mean square of (vector of the clean crop - vector of the same crop augmented)

Speakers come back among the others: with N of them about one anchor in N / (2 B) meets a false negative. ``debias``
corrects the sum over negatives for that chance without labels; ``known_speakers`` leaves them out by their labels, an
upper bound. Short crops (``data.local_views``) are further anchors against the long ones.

Letters: B utterances over all processes, V views, W local views, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.projector import Projector, Widths
from sonant.nn.ssps import PositiveSampling, SspsConfig
from sonant.objectives.margins import START, Margin, next_state, with_margin
from sonant.objectives.vicreg import invariance
from sonant.objectives.view_contrast import Contrast, compare_all, compare_pairs, contrast_loss, without_speaker


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    loss: Literal["nt_xent", "one_way", "angular"] = "nt_xent"
    temperature: float = 0.03  # speakers want 0.03 to 0.07; 0.5 in the paper, for images. Not of angular
    projector: Widths = ()  # none is best for speakers; [2048, 2048, 128] in the paper's manner
    margin: Margin = "none"  # of positives, not of angular
    margin_size: float = 0.1  # radians or cosines; sphereface: a factor of 2 to 4; magface has its own
    debias: float = 0.0  # tau+, chance that a negative is a false one, such as 1 / speakers; 0: no correction
    known_speakers: bool = False  # leave out negatives of the same speaker, by the labels of the data
    ssps: SspsConfig = SspsConfig()  # positives from other recordings in place of the second views
    channel: float = 0.0  # times the channel term, 0.1 in Huh et al.; needs augment.keep_clean

    def __post_init__(self):
        require(self.temperature > 0, f"simclr: temperature must be positive, got {self.temperature}")
        require(0 <= self.debias < 1, f"simclr: debias must lie in [0, 1), got {self.debias}")
        require(self.channel >= 0, f"simclr: channel must be at least 0, got {self.channel}")
        require(
            self.margin == "none" or (self.loss != "angular" and self.debias == 0),
            f"simclr: margin {self.margin} goes with nt_xent and one_way without debias; leave one of them out",
        )
        require(self.loss != "angular" or self.debias == 0, "simclr: debias needs a temperature; loss angular has none")


class Method(ViewsMethod):
    """A contrast on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        self.projector = Projector(self.embedding.dim, cfg.projector)
        dims = {"reference_dim": self.embedding.dim, "positive_dim": self.projector.dim}
        self.ssps = PositiveSampling(cfg.ssps, **dims) if cfg.ssps.mode != "off" else None
        self.scale = nn.Parameter(torch.tensor(10.0)) if cfg.loss == "angular" else None
        self.register_buffer("margin_state", torch.tensor(START[cfg.margin]) if cfg.margin in START else None)

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """(B, V, D) views, then (B, W, D) local ones where there are and (B, V, D) clean ones for the channel term."""
        waves = [self.views_of(batch)]
        local_BWL, clean_BVL = batch.extras.get("local_views"), batch.extras.get("clean_views")
        if local_BWL is not None and self.cfg.loss == "nt_xent":
            waves.append(local_BWL)
        if self.cfg.channel > 0:
            require(clean_BVL is not None, "simclr: method.channel needs clean crops: set augment.keep_clean: true")
            waves.append(clean_BVL)
        return tuple(self.vectors(wave_BVL, batch) for wave_BVL in waves)

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Mean over anchors; parts: acc, the share of anchors whose best candidate is of their own utterance."""
        views_BVD, *others = map(gather_with_gradient, embedded)
        clean_BVD = others.pop() if self.cfg.channel > 0 else None
        z_VBD = self.projector(torch.cat([views_BVD, *others], dim=1)).transpose(0, 1)
        parts = {}
        if self.ssps is not None:
            z_VBD, parts = self._with_positives(z_VBD, views_BVD, batch)
        found = self._contrast(z_VBD, candidates=views_BVD.shape[1])
        if self.cfg.known_speakers:
            found = self._without_speakers(found, batch)
        loss, hit = contrast_loss(
            self._scores(found),
            found.positive_AC,
            found.taking_AC,
            debias=self.cfg.debias,
            temperature=self.cfg.temperature,
        )
        parts["acc"] = hit
        if clean_BVD is not None:
            parts["channel"] = invariance(clean_BVD, views_BVD)
            loss = loss + self.cfg.channel * parts["channel"]
        return LossOut(total=loss, parts=parts, count=len(found.size_A))

    def _with_positives(self, z_VBD: Tensor, views_BVD: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The views with positives of other recordings as the second, where there are, and figures of these."""
        learning = self.training and torch.is_grad_enabled()
        reference_BD = views_BVD.detach().mean(1)
        positive_BD, found_B, figures = self.ssps.replaced(reference_BD, z_VBD[1], batch, learning=learning)
        second_BD = torch.where(found_B[:, None], positive_BD, z_VBD[1])
        return torch.stack([z_VBD[0], second_BD, *z_VBD[2:]]), figures

    def _contrast(self, z_VBD: Tensor, candidates: int) -> Contrast:
        """Anchors and candidates, as ``loss`` says."""
        if self.cfg.loss == "nt_xent":
            return compare_all(z_VBD, candidates=candidates)
        first, second = (0, 1) if self.cfg.loss == "one_way" else (1, 0)
        return compare_pairs(z_VBD[first], z_VBD[second])

    def _scores(self, found: Contrast) -> Tensor:
        """Cosines after margin and temperature, or after the learnt scale."""
        cfg, state_2 = self.cfg, self.margin_state
        if self.scale is not None:
            return self.scale.clamp(1e-6, 1e6) * found.cosine_AC
        sides = {"cosine_AC": found.cosine_AC, "positive_AC": found.positive_AC, "size_A": found.size_A}
        if self.training and torch.is_grad_enabled() and state_2 is not None:
            state_2.copy_(next_state(cfg.margin, state_2, **sides))
        return with_margin(**sides, kind=cfg.margin, margin=cfg.margin_size, state_2=state_2) / cfg.temperature

    def _without_speakers(self, found: Contrast, batch: Batch) -> Contrast:
        require(batch.speaker_B is not None, "simclr: known_speakers needs data whose utterances name their speakers")
        speaker_B = gather_with_gradient(batch.speaker_B)
        B, (A, C) = len(speaker_B), found.cosine_AC.shape
        return without_speaker(found, speaker_B.repeat(A // B), speaker_B.repeat(C // B))

    def after_step(self, step: int, total_steps: int) -> None:
        if self.ssps is not None:
            self.ssps.after_step(step)
