"""Two recurrent contexts, one over the past and one over the future.

    c_t = [ forwards(z_1 .. z_t), backwards(z_T .. z_t) ]          or          [ |z_t|, |forwards|, |backwards| ]

Bidirectional CPC (Kawakami et al. 2020, arXiv:2001.11128, Sec. 2.1): each predicts what lies on its far side, so that
neither sees what it must predict; what is kept is both, or each brought to norm 1 beside the frame itself, which
their contexts blur. It needs the whole utterance and cannot stream.

Letters: B utterances, T frames, C channels of one direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames

from ._recurrent import Recurrent, RecurrentConfig


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """Settings of each direction; the output is twice ``dim``, and ``in_dim`` more where it keeps its input."""

    kind: Literal["lstm", "gru"] = "lstm"
    keep_input: bool = False  # true: frames hold their input and both directions, each of norm 1


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
        self.cfg, self.geometry, self.way_dim = cfg, source, cfg.dim
        self.dim = 2 * cfg.dim + (in_dim if cfg.keep_input else 0)

    def ways(self, frames: Frames) -> tuple[Frames, Frames]:
        """(B, T, in_dim) -> (B, T, C) contexts in time, and (B, T, C) contexts of the reversed frames, reversed."""
        return self.forwards(frames), self.backwards(frames.reversed())

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, 2 C), or (B, T, in_dim + 2 C)."""
        onward, backward = self.ways(frames)
        parts = [onward.x_BTD, backward.reversed().x_BTD]
        if self.cfg.keep_input:
            parts = [F.normalize(part, dim=-1) for part in (frames.x_BTD, *parts)]
        return onward.with_x(torch.cat(parts, dim=-1))
