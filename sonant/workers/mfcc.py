"""The mel cepstra of the clean chunk.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2: 20 coefficients of librosa. PASE+ (arXiv:2001.09239) has 13 of 25 ms
and 20 of 128 ms (``frame_length: 128.0``), both with ``stack: 7``, ``deltas: 2``; SpeechBrain's recipe has its own
cepstra (``kind: speechbrain``, ``n_mels: 40``, ``n_fft: 2048``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sonant.core import FrameGeometry
from sonant.features import librosa_mfcc, speechbrain_mfcc

from ._regression import Regression, RegressionConfig, shift_of

KINDS = {"librosa": librosa_mfcc, "speechbrain": speechbrain_mfcc}


@dataclass(frozen=True)
class Config(RegressionConfig):
    """Settings of the target; its frames are as far apart as the encoder's."""

    kind: Literal["librosa", "speechbrain"] = "librosa"
    n_cepstra: int = 20
    n_mels: int = 128
    frame_length: float = 25.0  # ms
    n_fft: int | None = None  # samples of the transform; null: those of a frame


class Worker(Regression):
    """Predicts n_cepstra coefficients a frame."""

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        kind = KINDS[cfg.kind]
        settings = kind.Config(
            n_cepstra=cfg.n_cepstra,
            n_mels=cfg.n_mels,
            frame_length=cfg.frame_length,
            frame_shift=shift_of(geometry),
            n_fft=cfg.n_fft,
        )
        features = kind.Features(settings, source=source)
        super().__init__(cfg, features=features, geometry=geometry, in_dim=in_dim, settings=(cfg.kind, settings))
