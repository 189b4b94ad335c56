"""The log-mel energies of SpeechBrain's ``Fbank`` with the mean of the sentence taken off, below its ECAPA-TDNN.

SpeechBrain, processing/features.py (STFT, Filterbank, InputNormalization). In this order:

    short-time Fourier transform of 400 samples every 160, periodic Hamming window, frame i centred on sample 160 i,
    zeros beyond both ends; squared magnitudes
    triangles of height 1 whose centres are equally far apart in mel = 2595 log10(1 + f / 700), linear in Hz; BOTH sides
    of one are as wide as its lower one (the distance in Hz to the centre below), so that neighbours do not meet at 0
    10 log10(max(m, 1e-10)) dB, none more than 80 dB below the loudest of the utterance; minus the mean over time

n samples give floor(n / 160) + 1 frames. In a padded batch SpeechBrain rounds the number of frames and, in its older
releases, takes the loudest of the batch; here an utterance has what it has alone.

Letters: B utterances, L samples, P padded samples, T frames, K frequencies, M mel filters, F size of the transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, require, samples_of

from ._normalise import normalise_utterance
from ._spectral import Constants, exact_dtype

LEAST = 1e-10  # of an energy before the logarithm
BLOCK = 512  # frames transformed at a time


@dataclass(frozen=True)
class Config:
    """Settings; the comment names SpeechBrain's argument."""

    n_mels: int = 80  # n_mels
    frame_length: float = 0.025  # s, nearest whole sample; win_length
    frame_shift: float = 0.010  # s, nearest whole sample; hop_length
    n_fft: int | None = None  # samples of the transform; null: those of a frame
    low_hz: float = 0.0  # f_min
    high_hz: float | None = None  # f_max; null: half the sample rate
    top_db: float | None = 80.0  # least level below the loudest of the utterance; null: no limit; top_db
    cmvn: Literal["none", "utterance_mean"] = "utterance_mean"  # InputNormalization(norm_type=sentence, std_norm=False)

    def __post_init__(self):
        require(self.n_mels >= 1, f"speechbrain_fbank: n_mels must be at least 1, got {self.n_mels}")
        require(
            self.top_db is None or self.top_db > 0, f"speechbrain_fbank: top_db must be above 0 or null: {self.top_db}"
        )


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_mels) levels in dB, alone or in a padded batch the same.

    Spectra are computed in float64 where the device has it, the rest in float32 (float64 for float64 waveforms).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        hop, width = samples_of(cfg.frame_shift, rate), samples_of(cfg.frame_length, rate)
        size = width if cfg.n_fft is None else cfg.n_fft
        high_hz = rate / 2 if cfg.high_hz is None else cfg.high_hz
        require(
            hop >= 1 and 2 <= width <= size,
            f"speechbrain_fbank: need frame_shift of at least 1 sample and 2 <= frame_length <= n_fft samples, got "
            f"frame_shift {hop}, frame_length {width}, n_fft {size} at {rate} Hz",
        )
        require(
            0 <= cfg.low_hz < high_hz,
            f"speechbrain_fbank: need 0 <= low_hz < high_hz, got {cfg.low_hz} and {high_hz} Hz",
        )
        self.cfg, self.size, self.dim = cfg, size, cfg.n_mels
        left = (size - width) // 2  # zeros of the window before its own samples
        offset = left - size // 2
        self.geometry = FrameGeometry(rate, hop=hop, window=width, offset=offset, tail=width + offset)
        self.past = self.future = 0 if cfg.top_db is None and cfg.cmvn == "none" else None
        window_W = torch.hamming_window(width, periodic=True, dtype=torch.float64)
        self.constants = Constants(
            window=functional.pad(window_W, (left, size - width - left)),
            mel=lower_sided_triangles(rate, size=size, n_mels=cfg.n_mels, low_hz=cfg.low_hz, high_hz=high_hz),
        )

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, n_mels), zero past each length."""
        rate = self.geometry.sample_rate
        require(
            frames.dim == 1 and frames.geometry.hop == 1 and frames.geometry.sample_rate == rate,
            f"speechbrain_fbank: need waveforms (B, L, 1) at {rate} Hz, got {tuple(frames.x_BTD.shape)} at "
            f"{frames.geometry.rate:g} Hz",
        )
        wave_BL, lengths_B = frames.masked().x_BTD[..., 0], self.geometry.frames(frames.lengths_B)
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            level_BTM = self._levels(wave_BL.to(exact_dtype(wave_BL.device)))
            result = Frames(level_BTM, lengths_B, self.geometry)
            if self.cfg.top_db is not None:
                real_BT1 = result.mask_BT[:, :, None]
                loudest_B11 = level_BTM.masked_fill(~real_BT1, -math.inf).amax((1, 2), keepdim=True)
                level_BTM = level_BTM.maximum(loudest_B11 - self.cfg.top_db)
            result = result.with_x(level_BTM).masked()
            if self.cfg.cmvn != "none":
                result = result.with_x(normalise_utterance(result.x_BTD, result.mask_BT, variance=False))
        return result.with_x(result.x_BTD.to(wave_BL.dtype))

    def _levels(self, wave_BL: Tensor) -> Tensor:
        """(B, L) -> (B, T, M) in dB, a block of frames at a time."""
        hop, T = self.geometry.hop, self.geometry.frames(wave_BL.shape[1])
        signal_BP = functional.pad(wave_BL, (self.size // 2, self.size - self.size // 2))
        tables = self.constants.like(signal_BP)
        step = max(BLOCK // max(len(wave_BL), 1), 1)
        blocks = [wave_BL.new_zeros(len(wave_BL), 0, self.cfg.n_mels)]
        for t in range(0, T, step):
            last = min(t + step, T) - 1
            frames_BTF = signal_BP[:, t * hop : last * hop + self.size].unfold(1, self.size, hop)
            spectrum_BTK = torch.fft.rfft(frames_BTF * tables["window"])
            power_BTK = spectrum_BTK.real.square() + spectrum_BTK.imag.square()
            blocks.append(10 * (power_BTK @ tables["mel"]).clamp(min=LEAST).log10())
        return torch.cat(blocks, dim=1)


def lower_sided_triangles(sample_rate: int, *, size: int, n_mels: int, low_hz: float, high_hz: float) -> Tensor:
    """(K, M) float64: SpeechBrain's filters; one may hold no frequency of the transform."""
    hz_K1 = torch.linspace(0, sample_rate // 2, size // 2 + 1, dtype=torch.float64)[:, None]
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    edges = 700 * (10 ** (torch.linspace(low, high, n_mels + 2, dtype=torch.float64) / 2595) - 1)
    centre_M, width_M = edges[1:-1], edges[1:-1] - edges[:-2]
    return (1 - (hz_K1 - centre_M).abs() / width_M).clamp(min=0)
