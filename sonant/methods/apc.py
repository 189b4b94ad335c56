"""Autoregressive predictive coding: predict a frame n steps ahead.

Chung, Hsu, Tang and Glass 2019, "An unsupervised autoregressive model for speech representation learning"
(arXiv:1904.03240), Sec. 2.

    h_t = context(x_1 .. x_t)          y_t = W h_t + b          L = mean_{t, d} | x_{t+n, d} - y_{t, d} |        Eq. 1

x are the encoder's frames, normally log-mel features through the ``identity`` encoder. The mean runs over the real
frames only (the original release averages over padding as well).

Letters: B utterances, T frames, D feature channels.
At the start y is small and the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import Batch, LossOut, mask_of, require
from sonant.core import Method as BaseMethod


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    shift: int = 1  # n, frames ahead (10 ms each); the release defaults to 1 and published 1, 2, 3, 5, 10 and 20

    def __post_init__(self):
        require(self.shift >= 1, f"apc: shift must be at least 1 frame, got {self.shift}")


class Method(BaseMethod):
    """APC around features and any context that does not look ahead (the paper: gru, dim 512, layers 3, residual)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        require(
            not any(parameter.requires_grad for parameter in encoder.parameters()),
            "apc: its target is the encoder's output, and an encoder that learns would make it constant; "
            "use features with encoder: identity, or freeze the encoder",
        )
        require(
            context.future == 0,
            "apc: the context looks ahead, so that it can see what it must predict; choose one that does not",
        )
        self.predict = nn.Linear(context.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean absolute error over real frames and channels, >= 0, lower is better."""
        x = self.encoder(batch.frames())  # (B, T, D)
        h = self.context(x)  # (B, T, C)
        n = self.cfg.shift
        lengths_B = (x.lengths_B - n).clamp(min=0)
        count = lengths_B.sum()
        require(
            count > 0,
            f"apc: a shift of {n} needs more than {n} frames, the longest example has {int(x.lengths_B.max())}; "
            "lengthen the training window or lower method.shift",
        )
        y_BTD = self.predict(h.x_BTD[:, :-n])
        error_BTD = (x.x_BTD[:, n:].detach().float() - y_BTD.float()).abs()
        real_BT1 = mask_of(lengths_B, error_BTD.shape[1])[:, :, None]
        total = error_BTD.masked_fill(~real_BT1, 0.0).sum() / (count * x.dim)
        return LossOut(total=total, count=count)
