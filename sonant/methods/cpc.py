"""Contrastive predictive coding: tell the true future latent from distractors.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Secs. 2.2, 2.3 and 3.1; Rivière et al. 2020 (arXiv:2002.02848);
Robertson and Dunbar 2023 (arXiv:2312.01515), whose code has the options that other code lacks.

    z_t = encoder(x)_t          c_t = context(z_1 .. z_t)                                   Sec. 2.2
    L_k = -log softmax_j( s(W_k c_t, z_j) ) at j = t + k, averaged over t and k             Eqs. 3-4

The mean runs over every anchor t with t + K inside its utterance and over every k, all with equal weight
(CPC_audio sums over k: K times as much). The same distractors serve all k; one that happens to be the right answer
of some k takes no part there (CPC_audio lets it).

Letters: B utterances, T frames, S = T - K anchors, K horizons (H of them predicted), M negatives,
D latent, C context, G groups that share a pool, P frames of a pool, N candidates.
Knowing nothing scores loss log(M + 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, Frames, LossOut, derive_seed, require
from sonant.core import Method as BaseMethod
from sonant.nn.predictors import LinearPredictor, RecurrentPredictor, TransformerPredictor
from sonant.objectives.candidates import Share, pool_of
from sonant.objectives.contrast import contrast_ahead, mean_loss, square_of_means

PREDICTORS = {"linear": LinearPredictor, "recurrent": RecurrentPredictor, "transformer": TransformerPredictor}


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    horizons: int = 12  # K, frames ahead; Sec. 3.1 predicts 12 (120 ms at 100 Hz)
    skip: int = 0  # nearest futures left out: predict skip + 1 .. K only
    every: int = 1  # predict skip + 1, skip + 1 + every, .. only; 1: all of them
    negatives: int | None = 128  # M per anchor (CPC_audio 128); null: every frame that negatives_from allows
    negatives_from: Share = "utterance"  # what a distractor shares with its anchor (Table 2)
    repeats: bool = False  # true: a distractor that happens to be the right answer takes part (CPC_audio, scpc)
    predictor: Literal["linear", "recurrent", "transformer"] = "linear"  # Eq. 3, one LSTM layer, or a causal
    # transformer layer (arXiv:2002.02848); thrown away after training
    score: Literal["mean", "dot", "cosine"] = "mean"  # mean over channels (CPC_audio); dot: D times that, Eq. 3
    temperature: float = 1.0  # divides every score; around 0.1 with cosine
    dropout: float = 0.0  # of predictions, while training
    views: Literal[1, 2] = 1  # 2: contexts and targets come from two random views, where the encoder draws any
    # (features.warp, dropout): what differs between them is forgotten (Kharitonov et al. 2021, arXiv:2007.00991)

    offset: int = 0  # frames at the start of an utterance that neither predict, nor are predicted, nor distract
    frame_average: int = 1  # so many latents and contexts side by side are averaged first; horizons count the means
    speakers: int = 0  # learnt vectors added to the latents, one per speaker of the data; those beyond share the last
    averaging_penalty: float = 0.0  # times the mean square of the latents' means over each utterance
    average: Literal["anchors", "utterances"] = "anchors"  # what weighs the same in the loss
    window: int | None = None  # frames: utterances are cut into windows of that many before the context; null: whole

    @property
    def ahead(self) -> range:
        """The horizons that are predicted, in frames."""
        return range(self.skip + 1, self.horizons + 1, self.every)

    def __post_init__(self):
        require(self.horizons >= 1, f"cpc: horizons must be at least 1, got {self.horizons}")
        require(0 <= self.skip < self.horizons, f"cpc: skip must lie in [0, horizons), got {self.skip}")
        require(self.every >= 1, f"cpc: every must be at least 1, got {self.every}")
        require(
            self.negatives is None or self.negatives >= 1,
            f"cpc: negatives must be at least 1, or null for all, got {self.negatives}",
        )
        require(
            self.window is None or self.window > (self.horizons + self.offset) * self.frame_average,
            f"cpc: window must be null or above horizons ({self.horizons}) and offset in frames, got {self.window}",
        )
        require(
            min(self.offset, self.speakers, self.averaging_penalty) >= 0 and self.frame_average >= 1,
            f"cpc: offset, speakers and averaging_penalty must be at least 0, and frame_average at least 1, got {self}",
        )
        require(self.temperature > 0, f"cpc: temperature must be positive, got {self.temperature}")
        require(0 <= self.dropout < 1, f"cpc: dropout must lie in [0, 1), got {self.dropout}")


def _of_windows(batch: Batch, owner_N: Tensor) -> Batch:
    """Speakers and seeds for windows of the examples of a batch."""
    owners = owner_N.tolist()
    first = {b: n for n, b in reversed(list(enumerate(owners)))}
    seeds = tuple(derive_seed(batch.seeds[b] if batch.seeds else b, n - first[b]) for n, b in enumerate(owners))
    speaker_B = None if batch.speaker_B is None else batch.speaker_B[owner_N]
    return replace(batch, seeds=seeds, speaker_B=speaker_B)


def _mean(onward: LossOut, back: LossOut) -> LossOut:
    """The mean of both directions, which average the same number of terms."""
    parts = {name: (onward.parts[name] + back.parts[name]) / 2 for name in onward.parts}
    return LossOut(total=(onward.total + back.total) / 2, parts=parts, count=onward.count)


class Method(BaseMethod):
    """CPC around any encoder and any context that does not look ahead, or one of two directions."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        require(
            context.future == 0 or context.two_way,
            "cpc: the context looks ahead, so that it can see what it must predict; choose one that does not",
        )
        ways, dim = (2, context.way_dim) if context.two_way else (1, context.dim)
        heads = [PREDICTORS[cfg.predictor](dim, encoder.dim, futures=len(cfg.ahead)) for _ in range(ways)]
        self.predict, self.predict_back = heads[0], heads[1] if context.two_way else None
        self.speakers = nn.Embedding(cfg.speakers, encoder.dim) if cfg.speakers else None
        self.dropout = nn.Dropout(cfg.dropout)

    def chance(self) -> float | None:
        """log(M + 1); None with every frame as a candidate or with a penalty, where it depends on the batch."""
        known = self.cfg.negatives is not None and self.cfg.averaging_penalty == 0
        return math.log(self.cfg.negatives + 1) if known else None

    def loss(self, batch: Batch) -> LossOut:
        """Mean contrast over anchors and horizons; parts: accuracies in [0, 1] by horizon, higher is better."""
        z = self.encoder(batch.frames())  # (B, T, D)
        target = self.encoder(batch.frames()) if self.training and self.cfg.views == 2 else z
        if self.cfg.window is not None:
            first_B = torch.tensor([self._first(batch, b) for b in range(len(batch))])
            z, owner_N = z.windows(self.cfg.window, first_B)
            target, _ = target.windows(self.cfg.window, first_B)
            batch = _of_windows(batch, owner_N)
        if self.context.two_way:
            c, c_back = self.context.ways(z)
            back = self.contrast(target.reversed(), c_back, batch, predict=self.predict_back)
            return _mean(self.contrast(target, c, batch), back)
        return self.contrast(target, self.context(z), batch)  # contexts (B, T, C)

    def _first(self, batch: Batch, example: int) -> int:
        """Where the first window of an utterance begins: anywhere while training, at the start otherwise."""
        if not self.training:
            return 0
        return int(torch.randint(self.cfg.window, (), generator=batch.generator(example, "window")))

    def contrast(self, z: Frames, c: Frames, batch: Batch, *, predict: nn.Module | None = None) -> LossOut:
        """The loss of latents and contexts; ``batch`` gives speakers and randomness."""
        cfg = self.cfg
        if cfg.frame_average > 1:
            z, c = z.averaged(cfg.frame_average), c.averaged(cfg.frame_average)
        z = self._with_speakers(z, batch).without_first(cfg.offset)
        anchors = [max(n - cfg.horizons, 0) for n in z.lengths_B.tolist()]
        S = max(anchors)
        need, unit = cfg.horizons + cfg.offset, "frames" if cfg.frame_average == 1 else "averaged frames"
        require(
            S > 0,
            f"cpc: {cfg.horizons} horizons need more than {need} {unit}, the longest example has "
            f"{int(c.lengths_B.max())}; lengthen the training window or lower method.horizons",
        )
        pred_BSHD = self.dropout((predict or self.predict)(c.x_BTD[:, : cfg.offset + S])[:, cfg.offset :])
        if cfg.score == "cosine":
            pred_BSHD = F.normalize(pred_BSHD.float(), dim=-1)
        pool = pool_of(self._scaled(z), cfg.negatives_from, batch.speaker_B)
        loss_BSH, hit_BSH, real_BS = contrast_ahead(
            pred_BSHD,
            pool,
            ahead=cfg.ahead,
            anchors=anchors,
            negatives=cfg.negatives,
            generators=[batch.generator(b, "negatives") for b in range(len(anchors))],
            repeats=cfg.repeats,
        )
        total, count = mean_loss(loss_BSH, real_BS, cfg.average)
        accuracy_H = (hit_BSH & real_BS[:, :, None]).sum((0, 1)) / real_BS.sum()
        parts = {"acc": accuracy_H.mean()}
        parts |= {f"acc@{k}": value for k, value in zip(cfg.ahead, accuracy_H, strict=True)}
        if cfg.averaging_penalty > 0:
            parts["mean_square"] = square_of_means(z)
            total = total + cfg.averaging_penalty * parts["mean_square"]
        return LossOut(total=total, parts=parts, count=count)

    def _with_speakers(self, z: Frames, batch: Batch) -> Frames:
        """Latents with the vector of their speaker added, if there are any."""
        if self.speakers is None:
            return z
        require(
            batch.speaker_B is not None,
            "cpc: method.speakers needs data whose utterances name their speakers; prepare it with speakers",
        )
        last = self.cfg.speakers - 1
        number_B = torch.where(batch.speaker_B < 0, last, batch.speaker_B.clamp(max=last))
        return z.with_x(z.x_BTD + self.speakers(number_B)[:, None]).masked()

    def _scaled(self, z: Frames) -> Frames:
        """Latents such that a plain dot product with predictions is the score."""
        x_BTD = F.normalize(z.x_BTD.float(), dim=-1) if self.cfg.score == "cosine" else z.x_BTD
        over = self.cfg.temperature * (z.dim if self.cfg.score == "mean" else 1)
        return z.with_x(x_BTD / over)
