"""The log-mel energies of the clean chunk.

Ravanelli et al. 2020, PASE+ (arXiv:2001.09239), Sec. 2.2: 40 filters, once of 25 ms and once of 64 ms (``frame_length:
64.0``, ``n_fft: 1024``), both with ``stack: 7``, ``deltas: 2``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import FrameGeometry
from sonant.features import psf_fbank

from ._regression import Regression, RegressionConfig, shift_of


@dataclass(frozen=True)
class Config(RegressionConfig):
    """Settings of the target; its frames are as far apart as the encoder's."""

    n_mels: int = 40
    frame_length: float = 25.0  # ms
    n_fft: int = 512  # samples of the transform


class Worker(Regression):
    """Predicts n_mels log energies a frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        settings = psf_fbank.Config(
            n_mels=cfg.n_mels, frame_length=cfg.frame_length, frame_shift=shift_of(geometry), n_fft=cfg.n_fft
        )
        features = psf_fbank.Features(settings, source=source)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=settings)
