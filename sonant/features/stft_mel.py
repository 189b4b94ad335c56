"""Log-mel energies as torchaudio computes them: those of s3prl below Mockingjay, TERA and Audio-ALBERT, and of sslsv.

s3prl, upstream/baseline/preprocessor.py and upstream/mockingjay/builder.py; torchaudio, MelScale. In this order, with
the defaults:

    each waveform to a level of -25 dB: x 10^(-25 / 20) / (rms + 1e-10)
    short-time Fourier transform of 400 samples every 160, periodic Hann window, frame i centred on sample 160 i, the
    signal reflected at both ends without repeating its first and last sample; squared magnitudes
    triangles of height 1, equally far apart in mel = 2595 log10(1 + f / 700) from 0 Hz to half the sample rate, linear
    in Hz; log(m + 1e-10); deltas; zero mean and unit deviation (divided by T - 1) over the utterance

sslsv's speaker encoders take ``window: hamming``, ``n_fft: 512``, ``n_mels: 40``, ``level_db: null``,
``log_offset: 1e-6`` and ``cmvn: instance``, which divides by sqrt(variance + 1e-5), the variance over T. ssl-for-slr's
take the same with ``preemphasis: 0.97`` (the signal mirrored before its first sample), ``last_frame: false`` and
``cmvn: none``, and its x-vector the energies themselves, ``log: false``.

n samples give floor(n / 160) + 1 frames. In a padded batch s3prl reflects at the end of the longest waveform and rounds
the number of frames of the others; here each is reflected at its own end, and has the frames that it has alone.

Letters: B utterances, L samples, P padded samples, T frames, F size of the transform, K frequencies, M mel filters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, require, samples_of

from ._normalise import add_deltas, normalise_utterance
from ._spectral import Constants, exact_dtype

TINY = 1e-10  # added to the level
INSTANCE_EPS = 1e-5  # added to the variance by cmvn: instance
BLOCK = 512  # frames transformed at a time


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the key of s3prl's section ``audio``."""

    n_mels: int = 80  # n_mels
    frame_length: float = 0.025  # s, nearest whole sample; win_ms
    frame_shift: float = 0.010  # s, nearest whole sample; hop_ms
    n_fft: int | None = None  # samples of the transform, 2 (n_freq - 1); null: those of a frame
    level_db: float | None = -25.0  # of every waveform, relative to an RMS of 1; null: as it is; target_level
    deltas: Literal[0, 1, 2] = 0  # orders of slopes appended; delta
    cmvn: Literal["none", "utterance_unbiased", "instance"] = "utterance_unbiased"  # cmvn
    window: Literal["hann", "hamming"] = "hann"  # periodic
    log_offset: float = 1e-10  # added to energies before the logarithm
    log: bool = True  # false: energies
    preemphasis: float = 0.0  # 0 to 1; times the sample before, which is subtracted from each; after level_db
    last_frame: bool = True  # false: without the one that n // hop + 1 frames have more than n // hop

    def __post_init__(self):
        require(self.log_offset > 0, f"stft_mel: log_offset must be above 0, got {self.log_offset:g}")
        require(0 <= self.preemphasis <= 1, f"stft_mel: preemphasis must be 0 to 1, got {self.preemphasis:g}")


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_mels (1 + deltas)), alone or in a padded batch the same.

    Spectra are computed in float64 where the device has it, the rest in float32 (float64 for float64 waveforms).

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        hop, width = samples_of(cfg.frame_shift, rate), samples_of(cfg.frame_length, rate)
        size = width if cfg.n_fft is None else cfg.n_fft
        require(
            hop >= 1 and 2 <= width <= size and cfg.n_mels >= 1,
            f"stft_mel: need n_mels and frame_shift of at least 1 (sample) and 2 <= frame_length <= n_fft samples, got "
            f"n_mels {cfg.n_mels}, frame_shift {hop}, frame_length {width}, n_fft {size} at {rate} Hz",
        )
        self.cfg, self.size, self.dim = cfg, size, cfg.n_mels * (1 + cfg.deltas)
        left = (size - width) // 2  # zeros of the window before its own samples
        offset = left - size // 2
        before = int(cfg.preemphasis > 0)  # the sample that pre-emphasis looks back at
        tail = width + offset - (0 if cfg.last_frame else hop)
        self.geometry = FrameGeometry(rate, hop=hop, window=width + before, offset=offset - before, tail=tail)
        whole = cfg.level_db is not None or cfg.cmvn != "none"
        self.past = self.future = None if whole else 2 * cfg.deltas
        window_F = functional.pad(periodic_window(cfg.window, width), (left, size - width - left))
        self.constants = Constants(window=window_F, mel=triangles(rate, size=size, n_mels=cfg.n_mels))

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, dim) features, zero past each length."""
        rate = self.geometry.sample_rate
        require(
            frames.dim == 1 and frames.geometry.hop == 1 and frames.geometry.sample_rate == rate,
            f"stft_mel: need waveforms (B, L, 1) at {rate} Hz, got {tuple(frames.x_BTD.shape)} at "
            f"{frames.geometry.rate:g} Hz",
        )
        wave_BL, lengths_B = frames.x_BTD[..., 0], self.geometry.frames(frames.lengths_B)
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            exact_BL = wave_BL.to(exact_dtype(wave_BL.device))
            if self.cfg.level_db is not None:
                exact_BL = levelled(exact_BL, frames.lengths_B, level_db=self.cfg.level_db)
            exact_BL = emphasised(exact_BL, by=self.cfg.preemphasis) if self.cfg.preemphasis else exact_BL
            dtype = torch.promote_types(wave_BL.dtype, torch.float32)
            x_BTD = add_deltas(self._logmel(exact_BL, frames.lengths_B, dtype), lengths_B, self.cfg.deltas)
            result = Frames(x_BTD, lengths_B, self.geometry).masked()
            if self.cfg.cmvn != "none":
                how = {"added": INSTANCE_EPS} if self.cfg.cmvn == "instance" else {"unbiased": True}
                result = result.with_x(normalise_utterance(result.x_BTD, result.mask_BT, variance=True, **how))
        return result.with_x(result.x_BTD.to(wave_BL.dtype))

    def _logmel(self, wave_BL: Tensor, lengths_B: Tensor, dtype: torch.dtype) -> Tensor:
        """(B, L) -> (B, T, M), a block of frames at a time."""
        hop, T = self.geometry.hop, self.geometry.frames(wave_BL.shape[1])
        signal_BP = reflected(wave_BL, lengths_B, left=self.size // 2, right=self.size - self.size // 2)
        tables = self.constants.like(signal_BP)
        step = max(BLOCK // max(len(wave_BL), 1), 1)
        blocks = [wave_BL.new_zeros(len(wave_BL), 0, self.cfg.n_mels, dtype=dtype)]
        for t in range(0, T, step):
            last = min(t + step, T) - 1
            frames_BTF = signal_BP[:, t * hop : last * hop + self.size].unfold(1, self.size, hop)
            spectrum_BTK = torch.fft.rfft(frames_BTF * tables["window"])
            power_BTK = spectrum_BTK.real.square() + spectrum_BTK.imag.square()
            energy_BTM = power_BTK @ tables["mel"]
            blocks.append(((energy_BTM + self.cfg.log_offset).log() if self.cfg.log else energy_BTM).to(dtype))
        return torch.cat(blocks, dim=1)


def periodic_window(name: str, width: int) -> Tensor:
    """(W,) float64, torch's default shape: one period of the cosine is ``width`` samples."""
    cosine_W = torch.cos(2 * math.pi / width * torch.arange(width, dtype=torch.float64))
    return 0.54 - 0.46 * cosine_W if name == "hamming" else 0.5 - 0.5 * cosine_W


def levelled(wave_BL: Tensor, lengths_B: Tensor, *, level_db: float) -> Tensor:
    """(B, L) waveforms, zero past each length, scaled to a root mean square of ``level_db`` relative to 1."""
    power_B = wave_BL.square().sum(1) / lengths_B.clamp(min=1)
    return wave_BL * (10 ** (level_db / 20) / (power_B.sqrt() + TINY))[:, None]


def emphasised(wave_BL: Tensor, *, by: float) -> Tensor:
    """(B, L) -> (B, L): from each sample ``by`` times the one before it; before the first stands the second."""
    second_B1 = functional.pad(wave_BL, (0, 1))[:, 1:2]
    return wave_BL - by * torch.cat([second_B1, wave_BL], dim=1)[:, : wave_BL.shape[1]]


def reflected(wave_BL: Tensor, lengths_B: Tensor, *, left: int, right: int) -> Tensor:
    """(B, L) -> (B, left + L + right): every signal mirrored at its own first and last sample, which are not repeated.

    Signals shorter than that are mirrored to and fro.
    """
    L = wave_BL.shape[1]
    place_P = torch.arange(-left, L + right, device=wave_BL.device)
    period_B1 = (2 * (lengths_B - 1)).clamp(min=1)[:, None]
    folded_BP = place_P.remainder(period_B1)
    source_BP = torch.minimum(folded_BP, period_B1 - folded_BP).clamp(max=max(L - 1, 0))
    source_BP = torch.where(lengths_B[:, None] > 1, source_BP, 0)
    return wave_BL.gather(1, source_BP)


def triangles(sample_rate: int, *, size: int, n_mels: int) -> Tensor:
    """(K, M) float64: torchaudio's filters, height 1, linear in Hz; a filter may hold no frequency of the transform."""
    hz_K1 = torch.linspace(0, sample_rate // 2, size // 2 + 1, dtype=torch.float64)[:, None]
    top = 2595 * math.log10(1 + (sample_rate // 2) / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, n_mels + 2, dtype=torch.float64) / 2595) - 1)
    left_M, centre_M, right_M = edges[:-2], edges[1:-1], edges[2:]
    rising_KM, falling_KM = (hz_K1 - left_M) / (centre_M - left_M), (right_M - hz_K1) / (right_M - centre_M)
    return torch.minimum(rising_KM, falling_KM).clamp(min=0)
