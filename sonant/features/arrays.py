"""Features that were computed elsewhere: the model stands on arrays and never sees a waveform.

For archives of foreign features, and for frames of any model (``sonant extract``) as the input of another. Training
reads them by ``data.arrays``; ``Representation.encode`` takes them as (B, T, D).
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import FrameGeometry, FrameModule, Frames, SonantError, require


@dataclass(frozen=True)
class Config:
    """What the arrays hold."""

    dim: int | None = None  # channels of a frame; null: those of data.arrays
    rate: float | None = None  # frames per second (Hz); null: that of data.arrays, or 100

    def __post_init__(self):
        for value in (self.dim, self.rate):
            require(value is None or value > 0, f"arrays: dim and rate must be positive, got {self}")


class Features(FrameModule):
    """Declares the frames; there is nothing to compute."""

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        require(cfg.dim is not None, "arrays: nothing tells the size of a frame; give data.arrays, or features.dim")
        rate = cfg.rate or 100.0
        hop = round(source.sample_rate / rate)
        require(
            hop * rate == source.sample_rate,
            f"arrays: {rate:g} frames per second do not divide data.sample_rate ({source.sample_rate} Hz)",
        )
        self.cfg, self.dim = cfg, cfg.dim
        self.geometry = FrameGeometry(source.sample_rate, hop=hop, window=hop)

    def forward(self, frames: Frames) -> Frames:
        raise SonantError(
            f"this model stands on {self.dim}-dimensional frames at {self.geometry.rate:g} Hz computed elsewhere "
            "and cannot read audio; give it such arrays"
        )
