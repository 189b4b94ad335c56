"""Mel cepstra of SpeechBrain: the cosine transform of its ``Fbank``, the target ``mfcc`` of its PASE recipe.

SpeechBrain, lobes/features.MFCC without deltas and context: levels of 40 filters as in ``speechbrain_fbank`` (transform
of 2048 samples, none more than 80 dB below the loudest of the utterance), the first 20 of their orthonormal DCT-II.
n samples give n // 160 + 1 frames.

Letters: B utterances, L samples, T frames, M mel filters, C cepstra.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sonant.core import FrameGeometry, FrameModule, Frames, require

from . import speechbrain_fbank
from ._spectral import Constants, cosine_transform


@dataclass(frozen=True)
class Config:
    """Settings; the comment names SpeechBrain's argument."""

    n_cepstra: int = 20  # n_mfcc
    n_mels: int = 40  # n_mels
    n_fft: int | None = 2048  # samples of the transform; null: those of a frame; n_fft
    frame_length: float = 25.0  # ms, nearest whole sample; win_length
    frame_shift: float = 10.0  # ms, nearest whole sample; hop_length
    low_hz: float = 0.0  # f_min
    high_hz: float | None = None  # null: half the sample rate; f_max
    top_db: float | None = 80.0  # least level below the loudest of the utterance; null: no limit

    def __post_init__(self):
        require(
            1 <= self.n_cepstra <= self.n_mels,
            f"speechbrain_mfcc: need 1 <= n_cepstra <= n_mels, got {self.n_cepstra} and {self.n_mels}",
        )


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_cepstra), alone or in a padded batch the same.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        levels = speechbrain_fbank.Config(
            n_mels=cfg.n_mels,
            frame_length=cfg.frame_length / 1000,
            frame_shift=cfg.frame_shift / 1000,
            n_fft=cfg.n_fft,
            low_hz=cfg.low_hz,
            high_hz=cfg.high_hz,
            top_db=cfg.top_db,
            cmvn="none",
        )
        self.levels = speechbrain_fbank.Features(levels, source=source)
        self.geometry, self.dim = self.levels.geometry, cfg.n_cepstra
        self.past, self.future = self.levels.past, self.levels.future
        self.constants = Constants(cosine=cosine_transform(cfg.n_mels, n_cepstra=cfg.n_cepstra, lifter=0.0))

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, n_cepstra), zero past each length."""
        levels = self.levels(frames)
        with torch.autocast(device_type=levels.device.type, enabled=False):
            dtype = torch.promote_types(levels.x_BTD.dtype, torch.float32)
            x_BTC = levels.x_BTD.to(dtype) @ self.constants.like(levels.x_BTD.to(dtype))["cosine"]
        return levels.with_x(x_BTC.to(levels.x_BTD.dtype))
