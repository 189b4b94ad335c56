"""No context: the local frames as they are."""

from __future__ import annotations

from dataclasses import dataclass

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
