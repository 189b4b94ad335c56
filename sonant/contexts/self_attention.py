"""Self-attention over whole utterances, past and future alike: the unmasked twin of ``causal_attention``.

Vaswani et al. 2017 (arXiv:1706.03762) as the context network of Robertson and Dunbar 2023 (arXiv:2312.01515). Without
positions, as there, it knows nothing of order. It needs the whole utterance and cannot stream; predictive methods that
must not look ahead refuse it.

Letters: B utterances, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Frames, mask_of
from sonant.nn.attention import same_phase
from sonant.nn.full_attention import FullLayer, seen_frames

from ._attention import Attention, AttentionConfig


@dataclass(frozen=True)
class Config(AttentionConfig):
    """Settings of the context."""

    positions: Literal["none", "period"] = "none"  # period: frames see their own phase only


class Context(Attention):
    """Sees every real frame of the utterance."""

    past = future = None

    def layer(self, cfg: Config) -> nn.Module:
        return FullLayer(
            cfg.dim, heads=cfg.heads, ff=cfg.ff, norm=cfg.norm, activation="relu", eps=1e-5, dropout=cfg.dropout
        )

    def inputs_of_layers(self, frames: Frames) -> tuple[Tensor | None, ...]:
        """What may be looked at, as ``FullAttention`` takes it: the real frames, of the same phase if asked for."""
        if self.cfg.positions == "none":
            return (seen_frames(frames),)
        T = frames.x_BTD.shape[1]
        t = torch.arange(T, device=frames.device)
        own = torch.eye(T, dtype=torch.bool, device=frames.device)  # padding sees itself, so that it is a number
        seen_BT = mask_of(frames.lengths_B.clamp(min=1), T)
        return ((same_phase(t, t, self.cfg.period) & seen_BT[:, None, :]) | own,)
