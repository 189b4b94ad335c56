"""The prosody of the clean chunk: log F0, voicing, energy, zero crossings.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2; with ``stack: 7``, ``deltas: 2`` in PASE+ (arXiv:2001.09239).
``voiced: interpolated`` counts frames as voiced the way PASE's code does, which misses the last before every gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sonant.core import FrameGeometry
from sonant.features import prosody

from ._regression import Regression, RegressionConfig, shift_of


@dataclass(frozen=True)
class Config(RegressionConfig):
    """Settings of the target; its frames are as far apart as the encoder's."""

    low_hz: float = 60.0  # Hz, lowest F0
    high_hz: float = 300.0  # Hz, highest F0
    frame_length: float = 20.0  # ms, of energy and zero crossings
    voiced: Literal["found", "interpolated"] = "found"  # where F0 was found; as PASE's code
    variant: Literal["paper", "sptk"] = "paper"  # of SWIPE'; sptk: with the faults of the program that PASE ran


class Worker(Regression):
    """Predicts four figures a frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        settings = prosody.Config(
            frame_shift=shift_of(geometry),
            low_hz=cfg.low_hz,
            high_hz=cfg.high_hz,
            frame_length=cfg.frame_length,
            voiced=cfg.voiced,
            variant=cfg.variant,
        )
        features = prosody.Features(settings, source=source)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=settings)
