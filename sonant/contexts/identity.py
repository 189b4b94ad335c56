"""No context: the local frames as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames


@dataclass(frozen=True)
class Config:
    """Nothing to set."""


class Context(FrameModule):
    """Frames out = frames in."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, in_dim

    def forward(self, frames: Frames) -> Frames:
        """(B, T, D) -> the same frames."""
        return frames

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[()]:
        """Nothing; see ``core.Streamable``."""
        return ()

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[tuple[()], int]:
        """See ``core.Even``."""
        return (), early

    def step(self, x_BTD: Tensor, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """The same frames."""
        return x_BTD, state
