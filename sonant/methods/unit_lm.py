"""A language model of units: which unit comes next?

Lakhotia et al. 2021, "On generative spoken language modeling from raw audio" (GSLM, arXiv:2102.01192), Sec. 3.2.

    h_t = context(e(u_1) .. e(u_t))          p(u_{t+1} | u_1 .. u_t) = softmax(W h_t + b)
    L = -mean_t log p(u_{t+1} | u_1 .. u_t)          in nats; its exp is the perplexity

u are the units of ``sonant units encode`` (``data.arrays``), which come as frames that are 1 at their unit; a linear
encoder without bias (``mlp``) is their table of embeddings e. On other features a frame stands for the number of its
largest channel. The first unit of an utterance is not predicted, and the mean runs over real frames only.

Letters: B utterances, T frames, K units, C context channels, S = T - 1 predictions.
Knowing nothing scores log K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import nn

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.core.frames import mask_of
from sonant.nn.targets import check_no_look_ahead, features_below


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    smoothing: float = 0.0  # of the labels, as in cross-entropy: the part of the target that goes to all units alike

    def __post_init__(self):
        require(0 <= self.smoothing < 1, f"unit_lm: smoothing must lie in [0, 1), got {self.smoothing}")


class Method(BaseMethod):
    """A language model around units and any context that does not look ahead."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        features = features_below(encoder, method="unit_lm")
        check_no_look_ahead(context, method="unit_lm")
        require(
            encoder.geometry == features.geometry and context.geometry == features.geometry,
            "unit_lm: encoder and context must give a frame for each unit and see no other unit with it; use encoder: "
            "mlp",
        )
        self.units = features.dim
        self.predict = nn.Linear(context.dim, self.units)

    def loss(self, batch: Batch) -> LossOut:
        """Mean cross-entropy of the next unit in nats, >= 0, lower is better; and the share of first guesses right."""
        frames = batch.frames()
        x = self.encoder.inputs(frames)  # (B, T, K)
        require(
            x.x_BTD.shape[1] >= 2,
            "unit_lm: utterances of one unit leave nothing to predict; give longer ones (data.min_seconds)",
        )
        unit_BT = x.x_BTD.argmax(-1)
        logits_BSK = self.predict(self.context(self.encoder(frames)).x_BTD[:, :-1]).float()
        real_BS = mask_of((x.lengths_B - 1).clamp(min=0), logits_BSK.shape[1])
        logits_NK, next_N = logits_BSK[real_BS], unit_BT[:, 1:][real_BS]
        require(
            len(next_N) > 0, "unit_lm: no utterance of the batch has two units; give longer ones (data.min_seconds)"
        )
        loss = F.cross_entropy(logits_NK, next_N, label_smoothing=self.cfg.smoothing)
        right = (logits_NK.detach().argmax(1) == next_N).float().mean()
        return LossOut(total=loss, parts={"accuracy": right}, count=float(len(next_N)))

    def chance(self) -> float:
        return math.log(self.units)
