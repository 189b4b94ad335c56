"""Speakers or languages as classes: what methods without labels are compared with.

Additive angular margin softmax, Deng et al. 2019 (arXiv:1801.07698), as in sslsv and wespeaker; or cross-entropy of a
linear layer, which leaves language vectors that transfer better.

Every view is an example of its utterance's class; one view is enough. Utterances without a label take no part.

Letters: B utterances, V views, D channels of a vector, N = B V views with a label, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, LossOut, ViewsMethod, require
from sonant.nn.prototypes import Prototypes
from sonant.objectives.aam_softmax import aam_softmax


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    classes: int = 5994  # C, at least as many as the data has (VoxCeleb2: 5994)
    labels: Literal["speaker", "language"] = "speaker"
    loss: Literal["aam", "cross_entropy"] = "aam"
    scale: float = 30.0  # s of aam
    margin: float = 0.2  # of aam, radians

    def __post_init__(self):
        require(self.classes >= 2, f"supervised: there must be at least two classes, got {self.classes}")
        require(self.scale > 0, f"supervised: scale must be above 0, got {self.scale}")
        require(0 <= self.margin < 1.5, f"supervised: margin is an angle in [0, 1.5), got {self.margin}")


class Method(ViewsMethod):
    """A classifier, thrown away after training, on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **parts):
        super().__init__(cfg, **parts)
        layer = Prototypes if cfg.loss == "aam" else nn.Linear
        self.classifier = layer(self.embedding.dim, cfg.classes)

    def views_of(self, batch: Batch) -> Tensor:
        """(B, V, L) the views, or the waveforms as the only view."""
        return batch.extras.get("views", batch.wave_BL[:, None])

    def compare(self, embedded: tuple[Tensor], batch: Batch) -> LossOut:
        """Mean loss over labelled views; parts: acc, the share whose class has the highest score, without margin."""
        x_BVD = embedded[0]
        class_N = self._labels(batch)[:, None].expand(x_BVD.shape[:2]).flatten()
        x_ND, class_N = x_BVD.flatten(0, 1)[class_N >= 0], class_N[class_N >= 0]
        require(
            len(class_N), f"supervised: no utterance of the batch has a {self.cfg.labels}; see sonant prepare --list"
        )
        scores_NC = self.classifier(x_ND)
        if self.cfg.loss == "aam":
            loss = aam_softmax(scores_NC, class_N, scale=self.cfg.scale, margin=self.cfg.margin)
        else:
            loss = F.cross_entropy(scores_NC.float(), class_N)
        hit = (scores_NC.detach().argmax(1) == class_N).float().mean()
        return LossOut(total=loss, parts={"acc": hit}, count=float(len(class_N)))

    def _labels(self, batch: Batch) -> Tensor:
        """(B,) class of every utterance, -1 where unknown."""
        speakers = self.cfg.labels == "speaker"
        class_B = batch.speaker_B if speakers else batch.extras.get("language_B")
        require(
            class_B is not None,
            f"supervised: these data name no {self.cfg.labels}s; prepare a manifest that does, or use a method without "
            "labels",
        )
        most = int(class_B.max())
        require(
            most < self.cfg.classes,
            f"supervised: the data hold {self.cfg.labels} number {most}; set method.classes to at least {most + 1}",
        )
        return class_B

    def chance(self) -> float | None:
        """log C for cross-entropy; unknown with a margin."""
        return None if self.cfg.loss == "aam" else float(torch.tensor(float(self.cfg.classes)).log())
