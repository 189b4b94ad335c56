"""Unit language model with activity projection: which unit comes next, and what will both speakers do?

Ekstedt, the first code of voice activity projection (January 2022), on units as in Lakhotia et al. 2021 (GSLM,
arXiv:2102.01192), Sec. 3.2, and with the futures of Ekstedt and Skantze 2022 (arXiv:2205.09812), Sec. 3.

    z_t = tier1(E q_1 .. E q_t)                                p(q_{t+1} | q_1 .. q_t) = softmax(A z_t + a)
    y_t = tier2(norm(z + W_v va + W_h history)_1 .. _t)        p(future_t | all so far) = softmax(P y_t + b)
    L = alpha L_vp + (1 - alpha) L_ar,     L_vp = mean_t -log p(future_t),     L_ar = mean_t -log p(q_{t+1})

q are units of both speakers' mix (or of one speaker, who then is speaker 0), va who is active, history the shares of
both speakers in five windows of the past. E is the encoder (``mlp`` without bias), tier 1 the context
(``causal_transformer``), all else the section ``dialogue``. The first tier alone: context ``identity`` and
``dialogue.next_unit: last`` (units are foretold from what is told of the activity too); the second alone: context
``identity`` and ``next_unit: none``, so that L = L_vp. ``dialogue.projection: independent`` is its regression: binary
cross-entropy of the 2 x N bins.

Unlike the original: frames without a known future and padding are no targets, and the oldest window of the history is
counted (``dialogue.history_oldest: never`` for its constant 0.5).

Letters: B dialogues, T frames, H frames of the future, P frames before the window, K units, C = 2 speakers, W numbers
of the history. Knowing nothing scores alpha log 256 + (1 - alpha) log K with classes of four bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from sonant.core import Batch, DialogueOut, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.core.frames import mask_of
from sonant.nn.targets import check_no_look_ahead, features_below
from sonant.objectives.class_accuracy import top_accuracy
from sonant.objectives.projection import Window, class_of_bins, horizon_mask, projection_bins
from sonant.objectives.projection_loss import discrete_loss, independent_loss, mean_of_targets

from ._dialogues import history_of


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    alpha: float = 0.6  # of the projection; 1 - alpha is the weight of the next unit
    threshold: float = 0.5  # share of a bin in which a speaker is active that makes the bin active

    def __post_init__(self):
        require(
            0 < self.alpha < 1,
            f"ulm_projection: alpha must lie in (0, 1), got {self.alpha}; without units: dialogue.next_unit: none",
        )


class Method(BaseMethod):
    """Two tiers, or one of them, on units. Batches are those of ``data.view: dialogue_units``."""

    needs = "units"
    converses = True

    def __init__(self, cfg: Config, *, encoder, context, dialogue=None):
        super().__init__(cfg, encoder=encoder, context=context, dialogue=dialogue)
        self.units = features_below(encoder, method="ulm_projection").dim
        check_no_look_ahead(context, method="ulm_projection")
        said = dialogue.cfg
        require(
            said.activity and said.projection != "comparative" and dialogue.geometry == encoder.features.geometry,
            "ulm_projection: a frame is a unit, and the model is told who is active: set dialogue.channels: 1, "
            "stride: 1, activity: true, projection: discrete or independent, and use encoder: mlp",
        )
        require(
            said.units in (None, self.units),
            f"ulm_projection: dialogue.units is {said.units}, and the arrays have {self.units} units; leave it out",
        )
        self.window = Window(rate=dialogue.geometry.rate, bins_s=said.bins_s, threshold=cfg.threshold)

    def loss(self, batch: Batch) -> LossOut:
        """``loss_vp``, ``loss_units`` (nats, its exp is the perplexity), and shares of first and first five guesses."""
        frames = batch.frames()
        unit_BT, T = frames.x_BTD.argmax(-1), frames.x_BTD.shape[1]
        activity_BTC = self.activity(batch, T)
        told_BTC = activity_BTC[:, :T]
        out = self.dialogue(self.context(self.encoder(frames)), told_BTC, history_of(batch, told_BTC, self.dialogue))
        mask_BT = mask_of(frames.lengths_B, T) & horizon_mask(batch.extras["known_B"], frames=T, window=self.window)
        count = mask_BT.sum()
        require(
            bool(count > 0),
            f"no unit of the batch has a known future of {sum(self.window.bins_s):g} s; lengthen data.chunk_seconds",
        )
        total, parts = self.projected(out, activity_BTC, mask_BT)
        if out.unit_logits is not None:
            loss_units, right = self.next_unit(out, unit_BT, frames.lengths_B)
            total = self.cfg.alpha * total + (1 - self.cfg.alpha) * loss_units
            parts |= {"loss_units": loss_units, "top1_units": right}
        return LossOut(total=total, parts=parts, count=count)

    def projected(self, out: DialogueOut, activity_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of the future, mean over the frames of ``mask_BT``, and what is logged of it."""
        bins_BTCN = projection_bins(activity_BTC, self.window)
        if self.dialogue.cfg.projection == "independent":
            loss = mean_of_targets(independent_loss(out.logits, bins_BTCN, mask_BT), mask_BT)
            return loss, {"loss_vp": loss}
        class_BT = class_of_bins(bins_BTCN)
        loss = mean_of_targets(discrete_loss(out.logits, class_BT, mask_BT), mask_BT)
        top_K = top_accuracy(out.logits.detach()[mask_BT], class_BT[mask_BT], most=5)
        return loss, {"loss_vp": loss, "top1": top_K[0], "top5": top_K[-1]}

    def next_unit(self, out: DialogueOut, unit_BT: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of the next unit in nats, and the share of first guesses that are right."""
        real_BS = mask_of((lengths_B - 1).clamp(min=0), unit_BT.shape[1] - 1)
        logits_NK, next_N = out.unit_logits[:, :-1][real_BS].float(), unit_BT[:, 1:][real_BS]
        require(len(next_N) > 0, "no dialogue of the batch has two units; lengthen data.chunk_seconds")
        return F.cross_entropy(logits_NK, next_N), (logits_NK.detach().argmax(1) == next_N).float().mean()

    def activity(self, batch: Batch, frames: int) -> Tensor:
        """(B, T + H, 2) of the batch. Raises SonantError when it has none, or of another future."""
        activity_BTC = batch.extras.get("activity_BTC")
        require(
            activity_BTC is not None and "known_B" in batch.extras,
            "the method ulm_projection needs units and who is active when: set data.view: dialogue_units, and "
            "data.arrays to a folder of sonant units encode --form dialogue",
        )
        wanted = frames + self.window.horizon
        require(
            activity_BTC.shape[1] == wanted,
            f"the model has a future of {sum(self.window.bins_s):g} s, and the windows have "
            f"{activity_BTC.shape[1] - frames} more frames of activity than units: set data.horizon_seconds to that",
        )
        return activity_BTC

    def chance(self) -> float:
        futures = math.log(self.window.n_classes if self.dialogue.cfg.projection == "discrete" else 2)
        if self.dialogue.cfg.next_unit == "none":
            return futures
        return self.cfg.alpha * futures + (1 - self.cfg.alpha) * math.log(self.units)
