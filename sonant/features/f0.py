"""Fundamental frequency and how sure it is, by SWIPE' (see ``_swipe.py``).

Camacho and Harris, 2008 (JASA 124(3)); with the defaults the numbers of SPTK's program for waveforms in [-1, 1].

n samples give n // hop frames; frame i is centred on sample i times the hop. With 60 to 300 Hz at 16 kHz a frame
depends on 128 ms to either side. No gradient reaches the waveform: the pitch is a choice.

Letters: B utterances, L samples, T frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from sonant.core import FrameGeometry, FrameModule, Frames

from ._stft import checked_wave
from ._swipe import Swipe, SwipeConfig


@dataclass(frozen=True)
class Config(SwipeConfig):
    """Settings of ``SwipeConfig``."""


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, 2): F0 in Hz, 0 where unvoiced; strength of the best candidate, at most about 1.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    dim = 2

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        self.swipe = Swipe(cfg, rate=source.sample_rate)
        hop, reach = self.swipe.hop, self.swipe.reach
        self.repeats = math.lcm(hop, reach // 2) // hop  # spectra of the widest window stand this far apart
        self.geometry = FrameGeometry(source.sample_rate, hop=hop, window=2 * reach, offset=-reach, tail=reach - hop)

    @torch.no_grad()
    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, 2), zero past each length."""
        wave_BL = checked_wave("f0", frames, self.geometry.sample_rate)
        found = self.swipe(wave_BL, frames=self.geometry.frames(wave_BL.shape[1]))
        x_BTD = torch.stack(found, dim=-1).to(frames.x_BTD.dtype)
        return Frames(x_BTD, self.geometry.frames(frames.lengths_B), self.geometry).masked()
