"""Correspondence autoregressive predictive coding: hear one token of a word, predict how another goes on.

A variant of APC (Chung et al. 2019, arXiv:1904.03240) with the correspondence idea of ``frame_cae``, from the released
code of van Staden and Kamper 2021 (arXiv:2012.07387).

    h_k = context(x_1 .. x_k)          y_k = W h_k + b          L = mean_{k, d} | x'_{k+n, d} - y_{k, d} |

x and x' are the encoder's frames for two tokens of a word, both stretched along their alignment, so that frame k of one
belongs to frame k of the other. The mean runs over the real frames (the released code sums, over padding as well:
``reduction``). The view ``pairs`` gives every pair both ways round. Training may start from ``apc`` by ``train.init``.

Letters: B pairs, K frames of a stretched side, C context channels, D feature channels.
At the start y is small and the loss is near the mean of | x' |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.correspondence import Alignment, paths_of, sides_of, stretch
from sonant.nn.targets import check_fixed, check_no_look_ahead
from sonant.objectives.ahead import Reduction, absolute_error, ahead, heard


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    shift: int = 1  # n, frames ahead (10 ms each); 1 in the released code
    alignment: Alignment = "dtw"  # of the features; given: both sides were aligned before, frame by frame
    reduction: Reduction = "mean"  # padded_sum: the released code; others in objectives/ahead.py

    def __post_init__(self):
        require(self.shift >= 1, f"capc: shift must be at least 1 frame, got {self.shift}")


class Method(BaseMethod):
    """CAPC around features and any context that does not look ahead (the released code: gru, dim 512, layers 3)."""

    needs = "pairs"

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="capc")
        check_no_look_ahead(context, method="capc")
        self.predict = nn.Linear(context.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean absolute error over real frames and channels, >= 0, lower is better."""
        sides = [self.encoder(side.frames()) for side in sides_of(batch, method="capc")]
        paths = paths_of(*sides, self.cfg.alignment)
        x, other = (
            heard(stretch(frames, paths, side=side), self.cfg.reduction) for side, frames in enumerate(sides)
        )  # (B, K, D)
        states, targets = ahead(self.context(x), other, shift=self.cfg.shift, method="capc")
        return absolute_error(self.predict(states.x_BTD), targets, self.cfg.reduction)
