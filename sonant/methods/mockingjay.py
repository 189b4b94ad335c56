"""Mockingjay: restore the frames that were blotted out, from what lies on both sides.

Liu, Yang, Chi, Hsu and Lee 2019, "Mockingjay: unsupervised speech representation learning with deep bidirectional
transformer encoders" (arXiv:1910.12638), Sec. 2.

    x' = x with blocks of frames zeroed (80 %), swapped for others (10 %) or kept (10 % of the utterances)
    y = head(context(x'))          L = mean | x_{t, d} - y_{t, d} | over the blocks

x are the encoder's frames, normally log-mel features with deltas through the ``identity`` encoder, normalised so that
zero is their mean. Audio-ALBERT (Chi et al. 2020, arXiv:2005.08575) is this objective on a context whose layers share
one set of weights (context transformer, share_layers).

Where paper and toolkit (s3prl) differ, the toolkit's settings, which made the published models, are the defaults:
blocks of 7 frames at full frame rate (paper: 3 stacked frames a step, LARGE 1), and the input itself is the target
(paper: its linear-scale spectrogram).

Letters: B utterances, T frames, D feature channels, C context channels.
At the start y is small and the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.spectrum_head import SpectrumHead
from sonant.nn.targets import check_fixed
from sonant.objectives.masking import alter_time, masked_error


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    share: float = 0.15  # of the frames that are blotted out
    width: int = 7  # frames of a block
    zero: float = 0.8  # share of the utterances whose blocks become zero
    swap: float = 0.1  # share whose blocks are taken from elsewhere in the utterance; the rest stay as they are
    norm: Literal["absolute", "square"] = "absolute"  # of the error

    def __post_init__(self):
        require(0 < self.share < 1, f"mockingjay: share must lie in (0, 1), got {self.share}")
        require(self.width >= 1, f"mockingjay: width must be at least 1 frame, got {self.width}")
        require(
            min(self.zero, self.swap) >= 0 and self.zero + self.swap <= 1,
            f"mockingjay: zero and swap are shares whose sum is at most 1, got {self.zero} and {self.swap}",
        )


class Method(BaseMethod):
    """Mockingjay around features and any context (the paper: transformer)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="mockingjay")
        self.head = SpectrumHead(context.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean error over the elements of the blocks, >= 0, lower is better."""
        cfg, x = self.cfg, self.encoder(batch.frames())  # (B, T, D)
        generators = [batch.generator(b, "time") for b in range(len(batch))]
        altered, masked_BT = alter_time(x, generators, share=cfg.share, width=cfg.width, zero=cfg.zero, swap=cfg.swap)
        y_BTD = self.head(self.context(altered).x_BTD)
        total, count = masked_error(y_BTD, x, masked_BT[:, :, None], norm=cfg.norm)
        require(
            count > 0,
            f"mockingjay: a block of {cfg.width} frames is {cfg.share:.0%} of {cfg.width / cfg.share:.0f} frames, and "
            f"the longest example has {int(x.lengths_B.max())}; lengthen the training window or raise method.share",
        )
        return LossOut(total=total, count=count)
