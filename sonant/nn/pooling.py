"""From the frames of an utterance to one vector.

    pooled = pool(frames)            over the real frames
    pooled = batch_norm(pooled)      where ``pooled_norm``
    vector = linear(pooled)          where ``dim``; with ``layers: 2`` linear(batch_norm(relu(linear(pooled))))
    vector = batch_norm(vector)      where ``last_norm``
    vector = vector / |vector|       where ``norm``

Letters: B utterances, T frames, C channels of a frame, P channels pooled, D channels of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import Frames, require
from .attentive_pooling import AttentiveStatistics, Deviation, Floor, Net, SelfAttentivePool, Statistics, check_pooling


@dataclass(frozen=True)
class EmbeddingConfig:
    """Section ``embedding`` of a configuration."""

    pool: Literal["mean", "max", "last", "ends", "statistics", "sap", "asp"] = "mean"
    """Over the real frames. last: the state of a recurrent context; ends: the last states of one of two directions;
    statistics: mean and deviation; sap, asp: by learnt weights (``nn.attentive_pooling``)."""
    deviation: Deviation = "population"  # of statistics and asp: divided by n or n - 1; none: the mean alone
    floor: float = 1e-5  # of the variance, of statistics and asp
    floor_by: Floor = "clamp"  # clamp: the variance is at least the floor; add: the floor is added to it
    attention: int = 128  # channels of asp's attention
    attention_net: Net = "relu_batch_tanh"  # of asp, between its linear layers: SpeechBrain's; wespeaker: tanh
    context: bool = True  # of asp: the statistics of the whole utterance beside each frame that is scored
    pooled_norm: bool = False  # batch norm before the linear layer (ECAPA-TDNN)
    dim: int | None = None  # of the vector, by a linear layer; null: the pooled frames as they are
    bias: bool = True  # of the linear layer
    layers: Literal[1, 2] = 1  # linear layers; between two of them ReLU and a batch norm without weights (wespeaker)
    last_norm: bool = False  # batch norm after the linear layers
    norm: bool = False  # vectors of length 1

    def __post_init__(self):
        require(self.dim is None or self.dim >= 1, f"embedding: dim must be at least 1 or null, got {self.dim}")
        require(self.dim is not None or self.layers == 1, "embedding: two layers need dim, such as dim: 256")
        check_pooling(attention=self.attention, floor=self.floor)


class Embedding(nn.Module):
    """Pooling over time, then what the configuration names of norms and linear layers."""

    def __init__(self, cfg: EmbeddingConfig, *, in_dim: int):
        super().__init__()
        self.cfg, self.pool = cfg, pool_of(cfg, in_dim)
        pooled = self.pool.dim
        self.dim = cfg.dim or pooled
        self.pooled_norm = nn.BatchNorm1d(pooled) if cfg.pooled_norm else nn.Identity()
        self.linear = nn.Linear(pooled, cfg.dim, bias=cfg.bias) if cfg.dim else nn.Identity()
        if cfg.layers == 2:
            self.between = nn.BatchNorm1d(self.dim, affine=False)
            self.second = nn.Linear(self.dim, self.dim, bias=cfg.bias)
        self.last_norm = nn.BatchNorm1d(self.dim) if cfg.last_norm else nn.Identity()

    def forward(self, frames: Frames) -> Tensor:
        """Frames (B, T, C) -> (B, D); an utterance without frames is pooled to zero."""
        cfg, utterances = self.cfg, frames.x_BTD.shape[0]
        require(
            utterances > 1 or not self.training or not (cfg.pooled_norm or cfg.last_norm or cfg.layers == 2),
            "a batch of one utterance has no statistics for the batch norm of the section 'embedding'; raise "
            "data.batch_size",
        )
        x_BD = self.linear(self.pooled_norm(self.pool(frames)))
        if cfg.layers == 2:
            x_BD = self.second(self.between(x_BD.relu()))
        x_BD = self.last_norm(x_BD)
        return F.normalize(x_BD, dim=-1) if cfg.norm else x_BD


class Pool(nn.Module):
    """A pooling without weights, (B, T, C) -> (B, C)."""

    def __init__(self, in_dim: int, pool):
        super().__init__()
        self.dim, self.pool = in_dim, pool

    def forward(self, frames: Frames) -> Tensor:
        return self.pool(frames)


def pool_of(cfg: EmbeddingConfig, in_dim: int) -> nn.Module:
    """The pooling that a configuration names; ``dim`` of it is P."""
    spread = {"deviation": cfg.deviation, "floor": cfg.floor, "floor_by": cfg.floor_by}
    if cfg.pool == "statistics":
        return Statistics(in_dim, **spread)
    if cfg.pool == "sap":
        return SelfAttentivePool(in_dim)
    if cfg.pool == "asp":
        return AttentiveStatistics(in_dim, size=cfg.attention, net=cfg.attention_net, context=cfg.context, **spread)
    return Pool(in_dim, POOLS[cfg.pool])


def mean_pool(frames: Frames) -> Tensor:
    """(B, C) mean over the real frames."""
    return frames.masked().x_BTD.sum(1) / frames.lengths_B.clamp(min=1)[:, None]


def max_pool(frames: Frames) -> Tensor:
    """(B, C) largest value of every channel over the real frames."""
    real_BT1 = frames.mask_BT[:, :, None]
    top_BC = frames.x_BTD.masked_fill(~real_BT1, -torch.inf).amax(1)
    return top_BC.masked_fill((frames.lengths_B == 0)[:, None], 0.0)


def last_pool(frames: Frames) -> Tensor:
    """(B, C) the last real frame."""
    x_BTD = frames.masked().x_BTD
    last_B = (frames.lengths_B - 1).clamp(min=0)
    return x_BTD[torch.arange(len(last_B), device=last_B.device), last_B]


def ends_pool(frames: Frames) -> Tensor:
    """(B, C) of the first half of the channels the last real frame, of the second half the first frame."""
    half = frames.dim // 2
    return torch.cat([last_pool(frames)[:, :half], frames.masked().x_BTD[:, 0, half:]], dim=1)


POOLS = {"mean": mean_pool, "max": max_pool, "last": last_pool, "ends": ends_pool}
