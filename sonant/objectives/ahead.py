"""Predicting frames that lie some steps ahead: which state predicts which frame, and the absolute error.

    L = mean_{t, d} | x_{t+n, d} - y_{t, d} |            y_t predicted from h_t, the state after frames 1 .. t

Chung et al. 2019 (arXiv:1904.03240), Eq. 1. Only frames that exist are predicted and counted. The other reductions
bring back what published code computes:

* ``sum``: the equation as it is printed, a sum over utterances, frames and channels;
* ``padded_mean``: the mean over the padded batch, where padding is a frame of zeros predicted from a state of zeros
  (the APC release, s3prl). It depends on how far a batch is padded;
* ``padded_sum``: the sum over the padded batch, in which padding counts as frames of zeros that the context hears
  (APC of the learned-frame-representations code).

A sum is no mean over terms: over several processes or accumulated batches the engine averages the sums.

Letters: B utterances, T frames, S = T - n predictions, C channels of a state, D channels of a frame.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from sonant.core import Frames, LossOut, require

from .frame_error import frame_errors

Reduction = Literal["mean", "sum", "padded_mean", "padded_sum"]


def heard(x: Frames, reduction: Reduction) -> Frames:
    """The frames that a context hears: for ``padded_sum`` padding is taken for real frames of zeros."""
    return whole(x) if reduction == "padded_sum" else x


def whole(x: Frames) -> Frames:
    """The same frames with padding counted as real."""
    return replace(x, lengths_B=torch.full_like(x.lengths_B, x.x_BTD.shape[1]))


def ahead(h: Frames, x: Frames, *, shift: int, method: str) -> tuple[Frames, Frames]:
    """The states that have something to predict, and what they must predict, row by row.

    Args:
        h: (B, T, C) states.
        x: (B, T, D) frames of the same lengths.
        shift: n >= 1, how many frames ahead.
        method: its name, for the error.

    Returns:
        (B, S, C) states t and (B, S, D) frames t + n, both zero where there is nothing to predict.

    Raises:
        SonantError: no utterance is longer than ``shift``.
    """
    lengths_B = (x.lengths_B - shift).clamp(min=0)
    require(
        bool((lengths_B > 0).any()),
        f"{method}: a shift of {shift} needs more than {shift} frames, the longest example has "
        f"{int(x.lengths_B.max())}; lengthen the training window or lower method.shift",
    )
    states = replace(h, x_BTD=h.x_BTD[:, :-shift], lengths_B=lengths_B)
    return states.masked(), replace(x, x_BTD=x.x_BTD[:, shift:], lengths_B=lengths_B).masked()


def absolute_error(y_BSD: Tensor, target: Frames, reduction: Reduction = "mean") -> LossOut:
    """| target - y | of predictions, reduced; >= 0, lower is better; ``count`` is the number of predicted frames.

    With ``sum`` and ``padded_sum`` the count is 1: there is no mean to weight.
    """
    target = whole(target) if reduction.startswith("padded") else target
    error = frame_errors(y_BSD, target, norm="absolute").sum()
    if reduction.endswith("sum"):
        return LossOut(total=error * target.dim)
    count = target.lengths_B.sum()
    return LossOut(total=error / count, count=count)
