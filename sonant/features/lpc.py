"""Linear prediction: the gain and the coefficients of the filter that best predicts a frame, PASE's target ``lpc``.

Makhoul (1975), the method of autocorrelation. Frames of 320 samples every 160 from sample 0 on, zeros beyond the end,
symmetric Hamming window of energy 1; of the first 26 autocorrelations r the solution of

    r_j + sum_k a_k r_|j - k| = 0   for j = 1 .. 25

by the recursion of Levinson and Durbin. A frame of features is sqrt(r_0 + sum_k a_k r_k), a_1 .. a_25, as SPTK gives
them; of a silent frame all are 0. n samples give n // 160 frames. Computed in float64 where the device has it: the
equations of speech are near to singular.

Letters: B utterances, L samples, T frames, W window, F size of the transform, P order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, require

from ._spectral import Constants, exact_dtype, window_function
from ._stft import checked_wave, frame_sizes, joined, power_blocks


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the key of PASE's worker."""

    order: int = 25  # coefficients; order
    frame_length: float = 20.0  # ms, nearest whole sample; win
    frame_shift: float = 10.0  # ms, nearest whole sample; hop

    def __post_init__(self):
        require(self.order >= 1, f"lpc: order must be at least 1, got {self.order}")


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, 1 + order), alone or in a padded batch the same.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        hop, width, _ = frame_sizes(
            "lpc", rate=rate, frame_length=cfg.frame_length, frame_shift=cfg.frame_shift, n_fft=None
        )
        require(cfg.order < width, f"lpc: order must be less than the samples of a frame, {width}, got {cfg.order}")
        self.cfg, self.size, self.dim = cfg, width + cfg.order, 1 + cfg.order
        self.geometry = FrameGeometry(rate, hop=hop, window=width, tail=width - hop)
        window_W = window_function("hamming", width)[:width]
        self.constants = Constants(window=window_W / window_W.square().sum().sqrt())

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, 1 + order), zero past each length."""
        wave_BL, geometry = checked_wave("lpc", frames, self.geometry.sample_rate), self.geometry
        count = geometry.frames(wave_BL.shape[1])
        sizes = {"hop": geometry.hop, "width": geometry.window, "size": self.size, "frames": count}
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            signal_BP = functional.pad(wave_BL.to(exact_dtype(wave_BL.device)), (0, max(geometry.tail, 0)))
            window_W = self.constants.like(signal_BP)["window"]
            blocks = [
                predictors(torch.fft.irfft(power, n=self.size)[..., : self.dim])
                for power in power_blocks(signal_BP, window_W, **sizes)
            ]
            x_BTP = joined(blocks, signal_BP, self.dim)
        return Frames(x_BTP.to(frames.x_BTD.dtype), geometry.frames(frames.lengths_B), geometry).masked()


def predictors(r_BTP: Tensor) -> Tensor:
    """(B, T, 1 + P) autocorrelations from lag 0 on -> (B, T, 1 + P): gain and coefficients."""
    silent_BT1 = r_BTP[..., :1] <= 0
    r_BTP = torch.where(silent_BT1, 0, r_BTP)
    left_BT1 = torch.where(silent_BT1, 1, r_BTP[..., :1])  # energy of what is not predicted yet
    a_BTP = torch.ones_like(left_BT1)  # 1, a_1 .. a_j
    for j in range(1, r_BTP.shape[-1]):
        missed_BT1 = (a_BTP * r_BTP[..., 1 : j + 1].flip(-1)).sum(-1, keepdim=True)
        reflection_BT1 = -missed_BT1 / left_BT1
        a_BTP = functional.pad(a_BTP, (0, 1))
        a_BTP = a_BTP + reflection_BT1 * a_BTP.flip(-1)
        left_BT1 = left_BT1 * (1 - reflection_BT1.square())
    gain_BT1 = left_BT1.clamp(min=torch.finfo(r_BTP.dtype).tiny).sqrt()
    return torch.cat([torch.where(silent_BT1, 0, gain_BT1), a_BTP[..., 1:]], dim=-1)
