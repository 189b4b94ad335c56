"""Log power spectra, the targets ``lps`` and ``lps_long`` of PASE and PASE+ (Ravanelli et al. 2020), and SpeechBrain's.

    frame i of 400 samples (PASE+'s second: 512) centred on sample 160 i, the signal reflected at both ends without
    repeating its first and last sample; the window is rectangular, the transform of 2048 samples
    log db: 10 log10(|X|^2 + 1e-19)

The recipe of SpeechBrain takes ``window: hamming`` (periodic), ``edges: zeros`` and ``log: log1p``, ln(1 + |X|^2).

n samples give n // 160 frames: the originals drop the one more that a centred transform has. Powers are float32 for
float32 waveforms: a rectangular window hides what lies 100 dB below the loudest, and at exact zeros of a spectrum
rounding takes the place of minus 190 dB.

Letters: B utterances, L samples, T frames, K frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames

from ._spectral import Constants
from ._stft import centred_geometry, checked_wave, frame_sizes, joined, mirrored, power_blocks
from .stft_mel import periodic_window

TINY = 1e-19  # added to powers before the logarithm in dB


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the key of PASE's worker."""

    n_fft: int = 2048  # samples of the transform; n_fft
    frame_length: float = 25.0  # ms, nearest whole sample; win
    frame_shift: float = 10.0  # ms, nearest whole sample; hop
    window: Literal["rectangular", "hamming", "hann"] = "rectangular"  # the latter two periodic
    edges: Literal["reflect", "zeros"] = "reflect"  # what stands beyond both ends
    log: Literal["db", "log1p"] = "db"


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_fft / 2 + 1), alone or in a padded batch the same.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        hop, width, size = frame_sizes(
            "lps", rate=rate, frame_length=cfg.frame_length, frame_shift=cfg.frame_shift, n_fft=cfg.n_fft
        )
        self.cfg, self.dim = cfg, size // 2 + 1
        self.geometry = centred_geometry(rate, hop=hop, width=width, size=size, last_frame=False)
        shaped = cfg.window != "rectangular"
        self.constants = Constants(**({"window": periodic_window(cfg.window, width)} if shaped else {}))

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, dim), zero past each length."""
        wave_BL = checked_wave("lps", frames, self.geometry.sample_rate)
        sizes = {"hop": self.geometry.hop, "width": self.geometry.window, "size": self.cfg.n_fft}
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            signal_BP = self._padded(wave_BL, frames.lengths_B)
            window_W = self.constants.like(signal_BP).get("window")
            count = self.geometry.frames(wave_BL.shape[1])
            blocks = [self._log(x) for x in power_blocks(signal_BP, window_W, **sizes, frames=count)]
            x_BTK = joined(blocks, wave_BL, self.dim)
        lengths_B = self.geometry.frames(frames.lengths_B)
        return Frames(x_BTK.to(frames.x_BTD.dtype), lengths_B, self.geometry).masked()

    def _padded(self, wave_BL: Tensor, lengths_B: Tensor) -> Tensor:
        if self.cfg.edges == "zeros":
            return functional.pad(wave_BL, (-self.geometry.offset, max(self.geometry.tail, 0)))
        return mirrored(wave_BL, lengths_B, self.geometry)

    def _log(self, power_BTK: Tensor) -> Tensor:
        return power_BTK.log1p() if self.cfg.log == "log1p" else 10 * (power_BTK + TINY).log10()
