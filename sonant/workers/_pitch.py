"""A head that tells the pitch of a voice, and whether there is any, from every frame.

The pitch is that of SWIPE' (``features.f0``), relative to the speaker's own (``objectives.pitch``). Its analysis window
reaches up to 0.13 s to either side of a frame; it is a target, and what the head hears is not changed by it.

Letters: N channels, L samples, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames
from sonant.features import f0
from sonant.objectives.pitch import Voice, pitch_losses, relative_pitch

from ._regression import shift_of


@dataclass(frozen=True)
class PitchConfig:
    """Settings of the target; its frames are as far apart as those of the model."""

    low_hz: float = 60.0  # Hz, lowest F0
    high_hz: float = 400.0  # Hz, highest F0
    threshold: float = 0.3  # strength of the pitch above which a frame is voiced, -1 to 1
    expected: Voice = Voice()  # before anything of a speaker is heard


class PitchHead(nn.Module):
    """Linear: two figures a frame.

    Args:
        source: geometry of the waveform.
        geometry, in_dim: of the frames that it works on.
    """

    def __init__(self, cfg: PitchConfig, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg = cfg
        settings = f0.Config(
            frame_shift=shift_of(geometry), low_hz=cfg.low_hz, high_hz=cfg.high_hz, threshold=cfg.threshold
        )
        self.features = f0.Features(settings, source=source)
        self.linear = nn.Linear(in_dim, 2)

    def forward(self, c: Frames, wave: Frames) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Sum and number of terms of the pitch's absolute error, and of the voicing's cross-entropy.

        Args:
            c: frames (N, T, D), one speaker a row.
            wave: the waveforms (N, L, 1) that they were made of.
        """
        pitch_NT, voiced_NT = self.target(wave)
        T = min(c.x_BTD.shape[1], pitch_NT.shape[1])
        said_NT2 = self.linear(c.x_BTD[:, :T])
        return pitch_losses(said_NT2, pitch_NT[:, :T], voiced_NT[:, :T], c.mask_BT[:, :T])

    @torch.no_grad()
    def target(self, wave: Frames) -> tuple[Tensor, Tensor]:
        """(N, T) relative pitch, 0 where unvoiced; (N, T) booleans, true where voiced."""
        hz_NT = self.features(wave).x_BTD[..., 0]
        return relative_pitch(hz_NT, hz_NT > 0, voice=self.cfg.expected), hz_NT > 0
