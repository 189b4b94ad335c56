"""Vector-quantised APC: predict a frame n steps ahead from one of a few codes.

Chung, Tang and Glass 2020, "Vector-quantized autoregressive predictive coding" (arXiv:2005.08392), Sec. 2.

    h_t = context(x_1 .. x_t)     q_t = quantise(h_t)     y_t = W q_t + b     L = mean_{t, d} | x_{t+n, d} - y_{t, d} |

The code limits what may pass from the past to the prediction. What is kept is h, the state before it is quantised;
the quantiser stands after the last layer (the paper tries others below it too). The noise of its choice while training
comes from the seed of each example.

Letters: B utterances, T frames, S = T - n predictions, D feature channels, G groups.
At the start the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sonant.core import Batch, LossOut, generator, require
from sonant.core import Method as BaseMethod
from sonant.nn.quantise import GumbelQuantiser, code_use
from sonant.nn.targets import check_fixed, check_no_look_ahead
from sonant.objectives.ahead import Reduction, absolute_error, ahead, heard


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    shift: int = 5  # n, frames ahead (10 ms each); the paper 5
    codes: tuple[int, ...] = (512,)  # of each group; s3prl 512, the authors' script 128; several groups: s3prl
    code_dims: tuple[int, ...] | None = None  # widths of the codes of each group; null: the context's, in equal parts
    temperature: float = 0.5  # of the softmax whose gradient the quantiser takes
    reduction: Reduction = "mean"  # padded_mean: the release and s3prl; others in objectives/ahead.py

    def __post_init__(self):
        require(self.shift >= 1, f"vq_apc: shift must be at least 1 frame, got {self.shift}")


class Method(BaseMethod):
    """VQ-APC around features and any context that does not look ahead (the paper: gru, dim 512, layers 3, residual)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="vq_apc")
        check_no_look_ahead(context, method="vq_apc")
        self.quantise = GumbelQuantiser(context.dim, codes=cfg.codes, dims=cfg.code_dims, temperature=cfg.temperature)
        self.predict = nn.Linear(self.quantise.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean absolute error over real frames and channels, >= 0, lower is better; parts: how the codes are used."""
        x = heard(self.encoder(batch.frames()), self.cfg.reduction)  # (B, T, D)
        h = self.context(x)  # (B, T, C)
        states, targets = ahead(h, x, shift=self.cfg.shift, method="vq_apc")
        seeds = batch.seeds or range(len(batch))
        q_BSD, index_BSG = self.quantise(states, [generator(seed, "codes", device=x.device) for seed in seeds])
        out = absolute_error(self.predict(q_BSD), targets, self.cfg.reduction)
        use = code_use(index_BSG, states.lengths_B, self.cfg.codes)
        return LossOut(total=out.total, parts=use, count=out.count)
