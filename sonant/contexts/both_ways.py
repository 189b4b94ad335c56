"""Two recurrent contexts, one over the past and one over the future.

    c_t = [ forwards(z_1 .. z_t), backwards(z_T .. z_t) ]

Bidirectional CPC (Kawakami et al. 2020, arXiv:2001.11128, Sec. 2.1): each predicts what lies on its far side, so that
neither sees what it must predict; what is kept is both. It needs the whole utterance and cannot stream.

Letters: B utterances, T frames, C channels of one direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames

from ._recurrent import Recurrent, RecurrentConfig


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """Settings of each direction; the output is twice ``dim``."""

    kind: Literal["lstm", "gru"] = "lstm"


class _LSTM(Recurrent):
    kind = nn.LSTM


class _GRU(Recurrent):
    kind = nn.GRU


class Context(FrameModule):
    """A stack of recurrent layers in each direction."""

    past = future = None
    two_way = True

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        kind = {"lstm": _LSTM, "gru": _GRU}[cfg.kind]
        self.forwards = kind(cfg, source=source, in_dim=in_dim)
        self.backwards = kind(cfg, source=source, in_dim=in_dim)
        self.cfg, self.geometry, self.dim = cfg, source, 2 * cfg.dim

    def ways(self, frames: Frames) -> tuple[Frames, Frames]:
        """(B, T, in_dim) -> (B, T, C) contexts in time, and (B, T, C) contexts of the reversed frames, reversed."""
        return self.forwards(frames), self.backwards(frames.reversed())

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, 2 C)."""
        onward, backward = self.ways(frames)
        return onward.with_x(torch.cat([onward.x_BTD, backward.reversed().x_BTD], dim=-1))
