"""Log-mel energies of the package python_speech_features, the targets ``fbank`` and ``fbank_long`` of PASE+.

python_speech_features, base.logfbank and sigproc. In this order:

    each sample less 0.97 of the one before it (the first as it is)
    frames of 400 samples every 160 from sample 0 on, zeros beyond the end of the last; no window
    |X|^2 / 512 of a transform of 512 samples (PASE+'s second: frame and transform of 1024)
    40 triangles of height 1, equally far apart in mel = 2595 log10(1 + f / 700) from 0 Hz to half the sample rate,
    whose corners are frequencies of the transform: floor(513 f / sample rate); ln, of 2.2e-16 in place of 0

n >= 400 samples give 1 + ceil((n - 400) / 160) frames. The original has one frame of anything shorter; here less than
241 samples have none.

Letters: B utterances, L samples, T frames, K frequencies, M mel filters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, require

from ._spectral import Constants
from ._stft import checked_wave, frame_sizes, joined, power_blocks

LEAST = 2.220446049250313e-16  # in place of an energy of 0: the spacing of float64 at 1


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the argument of ``logfbank``."""

    n_mels: int = 40  # nfilt
    frame_length: float = 25.0  # ms, nearest whole sample; winlen
    frame_shift: float = 10.0  # ms, nearest whole sample; winstep
    n_fft: int = 512  # samples of the transform, at least those of a frame; nfft
    low_hz: float = 0.0  # lowfreq
    high_hz: float | None = None  # null: half the sample rate; highfreq
    preemphasis: float = 0.97  # 0 to 1; preemph

    def __post_init__(self):
        require(self.n_mels >= 1, f"psf_fbank: n_mels must be at least 1, got {self.n_mels}")
        require(0 <= self.preemphasis <= 1, f"psf_fbank: preemphasis must be 0 to 1, got {self.preemphasis}")


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_mels), alone or in a padded batch the same.

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
            "psf_fbank", rate=rate, frame_length=cfg.frame_length, frame_shift=cfg.frame_shift, n_fft=cfg.n_fft
        )
        high_hz = rate / 2 if cfg.high_hz is None else cfg.high_hz
        require(
            0 <= cfg.low_hz < high_hz <= rate / 2,
            f"psf_fbank: need 0 <= low_hz < high_hz <= {rate / 2:g} Hz, got {cfg.low_hz:g} and {high_hz:g} Hz",
        )
        before = int(cfg.preemphasis > 0)  # the sample that pre-emphasis looks back at
        self.cfg, self.width, self.dim = cfg, width, cfg.n_mels
        self.geometry = FrameGeometry(rate, hop=hop, window=width + before, offset=-before, tail=hop - 1)
        self.constants = Constants(
            mel=whole_bin_triangles(rate, size=size, n_mels=cfg.n_mels, low_hz=cfg.low_hz, high_hz=high_hz) / size
        )

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, n_mels), zero past each length."""
        wave_BL, hop = checked_wave("psf_fbank", frames, self.geometry.sample_rate), self.geometry.hop
        count = self.geometry.frames(wave_BL.shape[1])
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            signal_BP = functional.pad(self._emphasised(wave_BL, frames), (0, self.width))
            mel_KM = self.constants.like(signal_BP)["mel"]
            sizes = {"hop": hop, "width": self.width, "size": self.cfg.n_fft, "frames": count}
            x_BTM = joined([x @ mel_KM for x in power_blocks(signal_BP, None, **sizes)], wave_BL, self.dim)
            x_BTM = torch.where(x_BTM == 0, LEAST, x_BTM).log()
        lengths_B = self.geometry.frames(frames.lengths_B)
        return Frames(x_BTM.to(frames.x_BTD.dtype), lengths_B, self.geometry).masked()

    def _emphasised(self, wave_BL: Tensor, frames: Frames) -> Tensor:
        """(B, L) -> (B, L); what the last sample would leave behind it is past the length, and zero."""
        if self.cfg.preemphasis == 0:
            return wave_BL
        sharp_BL = torch.cat([wave_BL[:, :1], wave_BL[:, 1:] - self.cfg.preemphasis * wave_BL[:, :-1]], dim=1)
        return frames.with_x(sharp_BL[..., None]).masked().x_BTD[..., 0]


def whole_bin_triangles(sample_rate: int, *, size: int, n_mels: int, low_hz: float, high_hz: float) -> Tensor:
    """(K, M) float64: triangles with whole frequencies of the transform as corners; one may hold no frequency."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    hz = 700 * (10 ** (torch.linspace(low, high, n_mels + 2, dtype=torch.float64) / 2595) - 1)
    corner = ((size + 1) * hz / sample_rate).floor()
    left_M, centre_M, right_M = corner[:-2], corner[1:-1], corner[2:]
    k_K1 = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None]
    rising_KM = (k_K1 - left_M) / (centre_M - left_M).clamp(min=1)
    falling_KM = (right_M - k_K1) / (right_M - centre_M).clamp(min=1)
    rises_KM, falls_KM = (left_M <= k_K1) & (k_K1 < centre_M), (centre_M <= k_K1) & (k_K1 < right_M)
    return rising_KM * rises_KM + falling_KM * falls_KM
