"""Contrastive predictive coding: tell the true future latent from distractors.

van den Oord, Li and Vinyals 2018 (arXiv:1807.03748), Secs. 2.2, 2.3 and 3.1; Rivière et al. 2020 (arXiv:2002.02848).

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
from sonant.nn.predictors import LinearPredictor, TransformerPredictor
from sonant.objectives.candidates import Pool, Share, allowed, draw_negatives, pool_of
from sonant.objectives.infonce import infonce, score_all, score_drawn, without_repeats

PREDICTORS = {"linear": LinearPredictor, "transformer": TransformerPredictor}


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    horizons: int = 12  # K, frames ahead; Sec. 3.1 predicts 12 (120 ms at 100 Hz)
    skip: int = 0  # nearest futures left out: predict skip + 1 .. K only
    every: int = 1  # predict skip + 1, skip + 1 + every, .. only; 1: all of them
    negatives: int | None = 128  # M per anchor (CPC_audio 128); null: every frame that negatives_from allows
    negatives_from: Share = "utterance"  # what a distractor shares with its anchor (Table 2)
    predictor: Literal["linear", "transformer"] = "linear"  # Eq. 3, or a causal transformer layer (arXiv:2002.02848)
    score: Literal["mean", "dot", "cosine"] = "mean"  # mean over channels (CPC_audio); dot: D times that, Eq. 3
    temperature: float = 1.0  # divides every score; around 0.1 with cosine
    dropout: float = 0.0  # of predictions, while training
    views: Literal[1, 2] = 1  # 2: contexts and targets come from two random views, where the encoder draws any
    # (features.warp, dropout): what differs between them is forgotten (Kharitonov et al. 2021, arXiv:2007.00991)

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
            self.window is None or self.window > self.horizons,
            f"cpc: window must be null or above horizons ({self.horizons}), got {self.window}",
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
        self.dropout = nn.Dropout(cfg.dropout)

    def chance(self) -> float | None:
        """log(M + 1); None with every frame as a candidate, where it depends on the batch."""
        return None if self.cfg.negatives is None else math.log(self.cfg.negatives + 1)

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
        K = self.cfg.horizons
        anchors = [max(n - K, 0) for n in z.lengths_B.tolist()]
        S = max(anchors)
        require(
            S > 0,
            f"cpc: {K} horizons need more than {K} frames, the longest example has {int(z.lengths_B.max())}; "
            "lengthen the training window or lower method.horizons",
        )
        pred_BSHD = self.dropout((predict or self.predict)(c.x_BTD[:, :S]))
        pool = pool_of(self._scaled(z), self.cfg.negatives_from, batch.speaker_B)
        ahead_H = torch.tensor(self.cfg.ahead, device=z.device)
        place_BSH = pool.start_B[:, None, None] + torch.arange(S, device=z.device)[:, None] + ahead_H
        real_BS = torch.arange(S, device=z.device) < torch.tensor(anchors, device=z.device)[:, None]
        place_BSH = place_BSH.masked_fill(~real_BS[:, :, None], 0)
        if self.cfg.negatives is None:
            loss_BSH, hit_BSH = self._against_all(pred_BSHD, pool, place_BSH)
        else:
            generators = [batch.generator(b, "negatives") for b in range(len(anchors))]
            index_BSM = draw_negatives(pool, anchors, number=self.cfg.negatives, generators=generators)
            loss_BSH, hit_BSH = self._against_drawn(pred_BSHD, pool, place_BSH, index_BSM)
        return self._average(loss_BSH, hit_BSH, real_BS)

    def _scaled(self, z: Frames) -> Frames:
        """Latents such that a plain dot product with predictions is the score."""
        x_BTD = F.normalize(z.x_BTD.float(), dim=-1) if self.cfg.score == "cosine" else z.x_BTD
        over = self.cfg.temperature * (z.dim if self.cfg.score == "mean" else 1)
        return z.with_x(x_BTD / over)

    def _grouped(self, pred_BSHD: Tensor, pool: Pool, *places: Tensor) -> tuple[Tensor, ...]:
        """Predictions and places regrouped (B, S, ..) -> (G, B S / G, ..), as the pool is."""
        if self.cfg.score == "cosine":
            pred_BSHD = F.normalize(pred_BSHD.float(), dim=-1)
        G = pool.z_GPD.shape[0]
        return tuple(x.reshape(G, -1, *x.shape[2:]) for x in (pred_BSHD, *places))

    def _against_drawn(self, pred_BSHD: Tensor, pool: Pool, place_BSH: Tensor, index_BSM: Tensor):
        pred, place, index = self._grouped(pred_BSHD, pool, place_BSH, index_BSM)
        scores = without_repeats(score_drawn(pred, pool.z_GPD, place, index), place, index)
        loss, hit = infonce(scores[..., 0], scores)
        return loss.view_as(place_BSH), hit.view_as(place_BSH)

    def _against_all(self, pred_BSHD: Tensor, pool: Pool, place_BSH: Tensor):
        pred, place = self._grouped(pred_BSHD, pool, place_BSH)
        scores_BSHP = score_all(pred, pool.z_GPD).view(*place_BSH.shape, -1)
        positive_BSH = scores_BSHP.gather(-1, place_BSH[..., None])[..., 0]
        return infonce(positive_BSH, scores_BSHP.masked_fill(~allowed(pool)[:, None, None], float("-inf")))

    def _average(self, loss_BSH: Tensor, hit_BSH: Tensor, real_BS: Tensor) -> LossOut:
        anchors = real_BS.sum()
        total = loss_BSH.masked_fill(~real_BS[:, :, None], 0.0).sum() / (anchors * loss_BSH.shape[2])
        accuracy_H = (hit_BSH & real_BS[:, :, None]).sum((0, 1)) / anchors
        parts = {"acc": accuracy_H.mean()}
        parts |= {f"acc@{k}": value for k, value in zip(self.cfg.ahead, accuracy_H, strict=True)}
        return LossOut(total=total, parts=parts, count=anchors * loss_BSH.shape[2])
