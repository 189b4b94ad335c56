"""The log power spectrum of the clean chunk.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2: 1025 levels of 25 ms. PASE+ (arXiv:2001.09239) adds a second worker
with ``frame_length: 32.0``, both with ``stack: 7``, ``deltas: 2``; SpeechBrain's recipe has ``window: hamming``,
``edges: zeros``, ``log: log1p``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sonant.core import FrameGeometry
from sonant.features import lps

from ._regression import Regression, RegressionConfig, shift_of


@dataclass(frozen=True)
class Config(RegressionConfig):
    """Settings of the target; its frames are as far apart as the encoder's."""

    frame_length: float = 25.0  # ms
    n_fft: int = 2048  # samples of the transform
    window: Literal["rectangular", "hamming", "hann"] = "rectangular"
    edges: Literal["reflect", "zeros"] = "reflect"  # what stands beyond both ends of the chunk
    log: Literal["db", "log1p"] = "db"


class Worker(Regression):
    """Predicts n_fft / 2 + 1 levels a frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        settings = lps.Config(
            n_fft=cfg.n_fft,
            frame_length=cfg.frame_length,
            frame_shift=shift_of(geometry),
            window=cfg.window,
            edges=cfg.edges,
            log=cfg.log,
        )
        features = lps.Features(settings, source=source)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=settings)
