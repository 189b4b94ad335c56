"""Non-autoregressive predictive coding: tell a frame from its surroundings, through a few codes.

Liu, Chung and Glass 2020, "Non-autoregressive predictive coding for learning speech representations from local
dependencies" (arXiv:2011.00406), Sec. 2.

    h_t = context(x_{t-r} .. x_{t-m-1}, x_{t+m+1} .. x_{t+r})     q_t = quantise(h_t)     y_t = W q_t + b
    L = mean_{t, d} | x_{t, d} - y_{t, d} |

x are the encoder's frames, normally log-mel features through the ``identity`` encoder; the context hides the frames
t - m .. t + m (context npc: mask 2 m + 1, reach r). The code, one of each group for its slice of h, limits what may
pass from the surroundings to the prediction. What is kept is h. The mean runs over the real frames; utterances so short
that a frame could see nothing count nothing. The noise of the quantiser's choice while training comes from the seed of
each example.

Letters: B utterances, T frames, D feature channels, C context channels, G groups.
At the start the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from sonant.core import Batch, LossOut, generator, require
from sonant.core import Method as BaseMethod
from sonant.nn.quantise import GumbelQuantiser, code_use
from sonant.nn.targets import check_fixed
from sonant.objectives.ahead import absolute_error


@dataclass(frozen=True)
class Config:
    """Settings of the objective; the defaults are those of the paper's release."""

    codes: tuple[int, ...] | None = (64, 64, 64, 64)  # of each group; null: no quantiser, h predicts as it is
    code_dims: tuple[int, ...] | None = None  # widths of the codes of each group; null: the context's, in equal parts
    temperature: float = 1.0  # of the softmax whose gradient the quantiser takes
    bottleneck: int | None = None  # without codes: channels of a linear map in their place; null: none

    def __post_init__(self):
        require(
            self.bottleneck is None or self.codes is None,
            "npc: codes and a bottleneck exclude each other; set method.codes to null for a bottleneck",
        )
        require(self.bottleneck is None or self.bottleneck >= 1, f"npc: bottleneck must be positive, got {self}")


class Method(BaseMethod):
    """NPC around features and a context that hides each frame from itself (the paper: npc)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="npc")
        require(
            context.blind > 0,
            "npc: this context sees the frame that it must predict; use one that hides it: context: npc",
        )
        self.quantise, self.narrow, dim = None, None, context.dim
        if cfg.codes is not None:
            self.quantise = GumbelQuantiser(dim, codes=cfg.codes, dims=cfg.code_dims, temperature=cfg.temperature)
            dim = self.quantise.dim
        elif cfg.bottleneck is not None:
            self.narrow, dim = nn.Linear(dim, cfg.bottleneck, bias=False), cfg.bottleneck
        self.predict = nn.Linear(dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean absolute error over real frames and channels, >= 0, lower is better; parts: how the codes are used."""
        x = self.encoder(batch.frames())  # (B, T, D)
        shortest = self.context.blind + 1  # frames with which even the middle one has a neighbour in sight
        lengths_B = x.lengths_B.masked_fill(x.lengths_B < shortest, 0)
        require(
            bool((lengths_B > 0).any()),
            f"npc: {self.context.blind} hidden frames need examples of at least {shortest}, the longest has "
            f"{int(x.lengths_B.max())}; lengthen the training window or lower context.mask",
        )
        h, parts = self.context(x), {}  # (B, T, C)
        q_BTC = h.x_BTD
        if self.quantise is not None:
            seeds = batch.seeds or range(len(batch))
            q_BTC, index_BTG = self.quantise(h, [generator(seed, "codes", device=x.device) for seed in seeds])
            parts = code_use(index_BTG, lengths_B, self.cfg.codes)
        elif self.narrow is not None:
            q_BTC = self.narrow(q_BTC)
        out = absolute_error(self.predict(q_BTC), replace(x, lengths_B=lengths_B))
        return LossOut(total=out.total, parts=parts, count=out.count)
