"""TERA: restore features that were altered along time, frequency and magnitude.

Liu, Li and Lee 2020, "TERA: self-supervised learning of transformer encoder representation for speech"
(arXiv:2007.06028), Sec. III.

    x' = x with blocks of frames zeroed (80 %), swapped (10 %) or kept (10 % of the utterances),
         one band of channels zeroed throughout,
         and noise N(0, 0.2^2) on all of it in some utterances
    y = head(context(x'))          L = mean | x_{t, d} - y_{t, d} | over blocks and bands

x are the encoder's frames, normally log-mel features through the ``identity`` encoder, normalised so that zero is their
mean. The error counts in blocks and in bands; with neither (share and band 0) everywhere. Where paper and toolkit
(s3prl) differ, the toolkit's settings, which made the published models, are the defaults: no noise unless asked for
(paper: 15 % of the utterances), which is drawn for each utterance (toolkit: for a whole batch).

Letters: B utterances, T frames, D feature channels, C context channels.
At the start y is small and the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sonant.core import Batch, Frames, LossOut, mask_of, require
from sonant.core import Method as BaseMethod
from sonant.nn.spectrum_head import SpectrumHead
from sonant.nn.targets import check_fixed
from sonant.objectives.masking import alter_frequency, alter_magnitude, alter_time, masked_error


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    share: float = 0.15  # of the frames that are altered along time; 0: none
    width: int = 7  # frames of a block
    zero: float = 0.8  # share of the utterances whose blocks become zero
    swap: float = 0.1  # share whose blocks are taken from elsewhere in the utterance; the rest stay as they are
    band: float = 0.2  # widest band, as a share of the channels; widths are uniform from 0 up to it
    noise: float = 0.0  # share of the utterances with noise; the paper's 0.15
    noise_deviation: float = 0.2  # of the noise, in units of the features
    norm: Literal["absolute", "square"] = "absolute"  # of the error

    def __post_init__(self):
        require(0 <= self.share < 1, f"tera: share must lie in [0, 1), got {self.share}")
        require(self.width >= 1, f"tera: width must be at least 1 frame, got {self.width}")
        require(
            min(self.zero, self.swap) >= 0 and self.zero + self.swap <= 1,
            f"tera: zero and swap are shares whose sum is at most 1, got {self.zero} and {self.swap}",
        )
        require(0 <= self.band <= 1, f"tera: band must lie in [0, 1], got {self.band}")
        require(
            0 <= self.noise <= 1 and self.noise_deviation >= 0,
            f"tera: noise must lie in [0, 1] and noise_deviation be >= 0, got {self.noise} and {self.noise_deviation}",
        )
        require(
            max(self.share, self.band, self.noise) > 0,
            "tera: share, band and noise are all 0, which leaves nothing to restore; set one of them",
        )


class Method(BaseMethod):
    """TERA around features and any context (the paper: transformer)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="tera")
        self.head = SpectrumHead(context.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean error over altered elements, >= 0, lower is better."""
        x = self.encoder(batch.frames())  # (B, T, D)
        altered, masked_BTD = self.alter(x, batch)
        y_BTD = self.head(self.context(altered).x_BTD)
        total, count = masked_error(y_BTD, x, masked_BTD, norm=self.cfg.norm)
        require(
            count > 0,
            f"tera: nothing is altered in examples of at most {int(x.lengths_B.max())} frames: a block has "
            f"{self.cfg.width} and is {self.cfg.share:.0%} of an example; lengthen the training window",
        )
        return LossOut(total=total, count=count)

    def alter(self, x: Frames, batch: Batch) -> tuple[Frames, Tensor]:
        """What the context sees of (B, T, D) features, and (B, T, D) booleans, true where the error counts."""
        cfg = self.cfg

        def generators(purpose: str) -> list[torch.Generator]:
            return [batch.generator(b, purpose) for b in range(len(batch))]

        altered, masked_BT = alter_time(
            x, generators("time"), share=cfg.share, width=cfg.width, zero=cfg.zero, swap=cfg.swap
        )
        altered, masked_BD = alter_frequency(altered, generators("frequency"), share=cfg.band, shortest=cfg.width)
        if cfg.noise > 0:
            altered = alter_magnitude(
                altered, generators("noise"), probability=cfg.noise, deviation=cfg.noise_deviation
            )
        if cfg.share == 0 and cfg.band == 0:
            masked_BT = mask_of(x.lengths_B, x.x_BTD.shape[1]) & (x.lengths_B >= cfg.width)[:, None]
        return altered, masked_BT[:, :, None] | masked_BD[:, None, :]
