"""Autoregressive predictive coding: predict a frame n steps ahead.

Chung, Hsu, Tang and Glass 2019, "An unsupervised autoregressive model for speech representation learning"
(arXiv:1904.03240), Sec. 2.

    h_t = context(x_1 .. x_t)          y_t = W h_t + b          L_f = mean_{t, d} | x_{t+n, d} - y_{t, d} |      Eq. 1

x are the encoder's frames, normally log-mel features through the ``identity`` encoder. The mean runs over the real
frames only (the original release averages over padding as well: ``reduction``).

Multi-target APC (``aux``; Chung and Glass 2020, arXiv:2004.05274, Sec. 3) adds a loss of the past. At randomly chosen
anchors a, the state h_a must help to predict a segment that begins s frames earlier, again from frame to frame:

    g_j = RNN_aux(x_{a-s} .. x_{a-s+j}) from h_a on         L_a = mean_{j < l, d} | x_{a-s+j+n, d} - (V g_j + c)_d |
    L = L_f + weight mean_a L_a

``state`` is that; RNN_aux is here one GRU layer of the context's width, h_a its first state. ``apart`` is what the
learned-frame-representations code does: a second context of the same shape, from zero on, that predicts frames inside
the segment only, so that it cannot shape h. With ``reduction`` a sum, L_f and L_a are sums, as printed, and a segment
weighs about l / T of an utterance.

Letters: B utterances, T frames, D feature channels, C context channels, M anchors, J frames of a segment.
At the start y is small and the loss is near the mean of | x |, about 0.8 for normalised features.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Batch, FrameModule, Frames, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.targets import check_fixed, check_no_look_ahead
from sonant.objectives.ahead import Reduction, absolute_error, ahead, heard
from sonant.objectives.anchors import draw_anchors, segments


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    shift: int = 1  # n, frames ahead (10 ms each); the release defaults to 1 and published 1, 2, 3, 5, 10 and 20
    reduction: Reduction = "mean"  # padded_mean: the release; others in objectives/ahead.py
    aux: Literal["off", "state", "apart"] = "off"  # state: multi-target APC; apart: beside the main network
    aux_weight: float = 0.1  # of the loss of the past; this and the next three as in the published configuration
    aux_anchors: int = 12  # M, drawn anew for each utterance; those that it is too short for are left out
    aux_back: int = 14  # s, frames from an anchor back to the beginning of its segment
    aux_length: int = 7  # l, frames of a segment
    aux_shift: int | None = None  # frames ahead within the past; null: as shift; apart was published with 5

    def __post_init__(self):
        require(self.shift >= 1, f"apc: shift must be at least 1 frame, got {self.shift}")
        require(self.aux_shift is None or self.aux_shift >= 1, f"apc: aux_shift must be >= 1, got {self.aux_shift}")
        require(self.aux_weight >= 0, f"apc: aux_weight must be at least 0, got {self.aux_weight}")
        require(self.aux_anchors >= 1, f"apc: aux_anchors must be at least 1, got {self.aux_anchors}")
        require(
            1 <= self.aux_length <= self.aux_back,
            f"apc: aux_length must be 1 to aux_back ({self.aux_back}), so that a segment lies in the past, "
            f"got {self.aux_length}",
        )
        require(
            self.aux != "apart" or self.aux_length > (self.aux_shift or self.shift),
            "apc: with aux 'apart' aux_length must exceed aux_shift, or no frame of a segment is predicted",
        )


class Method(BaseMethod):
    """APC around features and any context that does not look ahead (the paper: gru, dim 512, layers 3, residual)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        check_fixed(encoder, method="apc")
        check_no_look_ahead(context, method="apc")
        self.predict = nn.Linear(context.dim, encoder.dim)
        if cfg.aux != "off":
            one_layer = cfg.aux == "state"
            self.aux = nn.GRU(encoder.dim, context.dim, batch_first=True) if one_layer else _fresh_copy(context)
            self.aux_predict = nn.Linear(context.dim, encoder.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean absolute error over real frames and channels, >= 0, lower is better; with ``aux`` both parts apart."""
        x = heard(self.encoder(batch.frames()), self.cfg.reduction)  # (B, T, D)
        h = self.context(x)  # (B, T, C)
        states, targets = ahead(h, x, shift=self.cfg.shift, method="apc")
        main = absolute_error(self.predict(states.x_BTD), targets, self.cfg.reduction)
        if self.cfg.aux == "off":
            return main
        past = self.past(x, h, self.anchors(x, batch), weight_B=targets.lengths_B)
        total = main.total + self.cfg.aux_weight * past
        return LossOut(total=total, parts={"ahead": main.total, "past": past}, count=main.count)

    def anchors(self, x: Frames, batch: Batch) -> Tensor:
        """(B, M) anchors, -1 where there is none, drawn from [s, length) without replacement."""
        generators = [batch.generator(b, "anchors") for b in range(len(batch))]
        cfg = self.cfg
        return draw_anchors(x.lengths_B, number=cfg.aux_anchors, first=cfg.aux_back, generators=generators)

    def past(self, x: Frames, h: Frames, anchor_BM: Tensor, *, weight_B: Tensor) -> Tensor:
        """The loss of the past: means over an utterance's anchors, averaged with ``weight_B`` (sums: added up)."""
        cfg, n = self.cfg, self.cfg.aux_shift or self.cfg.shift
        first_BM = (anchor_BM - cfg.aux_back).clamp(min=0)
        x_BMJD, _ = segments(x, first_BM, cfg.aux_length)
        target_BMJD, real_BMJ = segments(x, first_BM + n, cfg.aux_length)
        if cfg.aux == "apart":
            real_BMJ = real_BMJ & (torch.arange(cfg.aux_length, device=x.device) + n < cfg.aux_length)
        real_BMJ = real_BMJ & (anchor_BM >= 0)[..., None]
        y_BMJD = self.aux_predict(self._apart(x, x_BMJD) if cfg.aux == "apart" else self._state(h, anchor_BM, x_BMJD))
        error_BMJ = (target_BMJD.detach().float() - y_BMJD.float()).abs().sum(-1).masked_fill(~real_BMJ, 0.0)
        if cfg.reduction.endswith("sum"):
            return (error_BMJ.sum((1, 2)) / (anchor_BM >= 0).sum(1).clamp(min=1)).sum()
        mean_B = error_BMJ.sum((1, 2)) / (real_BMJ.sum((1, 2)).clamp(min=1) * x.dim)
        return (weight_B * mean_B).sum() / weight_B.sum()

    def _state(self, h: Frames, anchor_BM: Tensor, x_BMJD: Tensor) -> Tensor:
        """(B, M, J, C) states of RNN_aux, which begins with the context's state at each anchor."""
        index_BMC = anchor_BM.clamp(min=0)[..., None].expand(-1, -1, h.dim)
        first_BMC = h.x_BTD.gather(1, index_BMC)
        g_NJC, _ = self.aux(x_BMJD.flatten(0, 1), first_BMC.flatten(0, 1)[None].contiguous())
        return g_NJC.unflatten(0, anchor_BM.shape)

    def _apart(self, x: Frames, x_BMJD: Tensor) -> Tensor:
        """(B, M, J, C) outputs of the second context, which hears each segment from zero, one anchor at a time."""
        lengths_B = torch.full_like(x.lengths_B, x_BMJD.shape[2])
        parts = [self.aux(replace(x, x_BTD=x_BJD, lengths_B=lengths_B)).x_BTD for x_BJD in x_BMJD.unbind(1)]
        return torch.stack(parts, dim=1)


def _fresh_copy(context: FrameModule) -> FrameModule:
    """A context of the same shape with initial weights of its own."""
    other = copy.deepcopy(context)
    for module in other.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return other
