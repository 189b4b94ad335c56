"""From the frames of an utterance to one vector.

Letters: B utterances, T frames, C channels of a frame, D channels of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import Frames, require


@dataclass(frozen=True)
class EmbeddingConfig:
    """Section ``embedding`` of a configuration."""

    pool: Literal["mean", "max", "last"] = "mean"  # over the real frames; last: the state of a recurrent context
    dim: int | None = None  # of the vector, by a linear layer; null: the pooled frames as they are
    norm: bool = False  # vectors of length 1

    def __post_init__(self):
        require(self.dim is None or self.dim >= 1, f"embedding: dim must be at least 1 or null, got {self.dim}")


class Embedding(nn.Module):
    """Pooling over time, then a linear layer."""

    def __init__(self, cfg: EmbeddingConfig, *, in_dim: int):
        super().__init__()
        self.cfg, self.dim = cfg, cfg.dim or in_dim
        self.linear = nn.Linear(in_dim, cfg.dim) if cfg.dim else nn.Identity()

    def forward(self, frames: Frames) -> Tensor:
        """Frames (B, T, C) -> (B, D); an utterance without frames is pooled to zero."""
        x_BD = self.linear(POOLS[self.cfg.pool](frames))
        return F.normalize(x_BD, dim=-1) if self.cfg.norm else x_BD


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


POOLS = {"mean": mean_pool, "max": max_pool, "last": last_pool}
