"""CPC for speakers: the last context of an utterance tells its future from the futures of other utterances.

van den Oord et al. 2018 (arXiv:1807.03748), Sec. 2, where all negatives are of other utterances: what lasts tells them
apart, who speaks and how it was recorded. Of the T frames of a crop

    e = embedding(context(z_1 .. z_(T-K)))        p_k = W_k e        L = mean_k mean_i infonce(p_k,i with all z_(T-K+k))

``future: other`` predicts the end of the second crop from the beginning of the first (Lepage and Dehak, sslsv), else
every crop predicts its own end. The embedding is ``pool: last`` in the paper's manner; any other works.

A context of two directions (``both_ways``) also predicts the frames before the beginning from all after them, each
direction by itself (Kawakami et al. 2020, arXiv:2001.11128), and L is the mean; its embedding is ``pool: ends``, the
last contexts of both side by side.

Letters: B utterances over all processes, V views, K steps, T frames, D channels of a frame, E of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Batch, Frames, LossOut, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient
from sonant.nn.pooling import last_pool
from sonant.objectives.future_contrast import future_contrast


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    steps: int = 12  # frames that are predicted; 4 in sslsv
    future: Literal["same", "other"] = "same"  # the crop that they are of; other: of the second one, by the first
    among: Literal["futures", "predictions"] = "futures"  # what competes in a contrast

    def __post_init__(self):
        require(self.steps >= 1, f"cpc_speaker: steps must be at least 1, got {self.steps}")


class Method(ViewsMethod):
    """CPC between utterances on any encoder, context and embedding."""

    def __init__(self, cfg: Config, **body):
        super().__init__(cfg, **body)
        two_way = self.context.two_way
        require(
            not two_way or self.embedding.cfg.pool == "ends" and not list(self.embedding.parameters()),
            "cpc_speaker: a context of two directions goes with embedding: {pool: ends}, without dim and norms",
        )
        size = self.context.way_dim if two_way else self.embedding.dim
        heads = [nn.Linear(size, cfg.steps * self.encoder.dim, bias=False) for _ in range(1 + two_way)]
        self.predict, self.predict_back = heads[0], heads[1] if two_way else None

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """(B, N, D) predictions and (B, N, D) frames that they are of: N = K for every view and direction."""
        views_BVL = self.views_of(batch)
        B, V, L = views_BVL.shape
        lengths_N = batch.lengths_B.clamp(max=L).repeat_interleave(V)
        z = self.encoder(Frames.of_wave(views_BVL.reshape(B * V, L), lengths_N, batch.sample_rate))
        short = int(z.lengths_B.min())
        require(
            short > self.cfg.steps,
            f"cpc_speaker: {self.cfg.steps} steps need more than {self.cfg.steps} frames, a crop has {short}; lengthen "
            "the crops (data.chunk_seconds) or lower method.steps",
        )
        past, future_NKD = split(z, self.cfg.steps)
        c_NE = last_pool(self.context.ways(past)[0]) if self.context.two_way else self.embedding(self.context(past))
        pairs = [(self.predict(c_NE).view_as(future_NKD), future_NKD)]
        if self.predict_back is not None:
            late, before_NKD = split(z.reversed(), self.cfg.steps)
            c_NE = last_pool(self.context.ways(late.reversed())[1])
            pairs.append((self.predict_back(c_NE).view_as(before_NKD), before_NKD))
        predicted, future = (torch.cat(side, dim=1).unflatten(0, (B, V)) for side in zip(*pairs, strict=True))
        if self.cfg.future == "other":
            predicted, future = predicted[:, :1], future[:, 1:2]
        return predicted.flatten(1, 2), future.flatten(1, 2)

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """Mean over utterances, steps, views and directions; parts: acc, the share of contrasts that are won."""
        loss_BN, hit_BN = future_contrast(*map(gather_with_gradient, embedded), among=self.cfg.among)
        return LossOut(total=loss_BN.mean(), parts={"acc": hit_BN.double().mean()}, count=loss_BN.numel())


def split(z: Frames, steps: int) -> tuple[Frames, Tensor]:
    """Every sequence without its last ``steps`` frames, and these: (B, steps, D)."""
    lengths_B = z.lengths_B - steps
    place_BK = lengths_B[:, None] + torch.arange(steps, device=z.device)
    ahead_BKD = z.x_BTD.gather(1, place_BK[:, :, None].expand(-1, -1, z.dim))
    return Frames(z.x_BTD[:, : z.x_BTD.shape[1] - steps], lengths_B, z.geometry).masked(), ahead_BKD
