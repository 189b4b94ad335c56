"""The log energies of the clean chunk in gammatone filters.

Ravanelli et al. 2020, PASE+ (arXiv:2001.09239), Sec. 2.2: 40 filters, once over 25 ms and once over 128 ms
(``frame_length: 128.0``), both with ``stack: 7``, ``deltas: 2``. Workers with the same filters filter once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import FrameGeometry
from sonant.features import gammatone

from ._regression import Regression, RegressionConfig, shift_of


@dataclass(frozen=True)
class Config(RegressionConfig):
    """Settings of the target; its frames are as far apart as the encoder's."""

    n_filters: int = 40
    low_hz: float = 500.0  # Hz, centre of the lowest filter
    frame_length: float = 25.0  # ms


class Worker(Regression):
    """Predicts n_filters log energies a frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        settings = gammatone.Config(
            n_filters=cfg.n_filters, low_hz=cfg.low_hz, frame_length=cfg.frame_length, frame_shift=shift_of(geometry)
        )
        features = gammatone.Features(settings, source=source)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=settings)
