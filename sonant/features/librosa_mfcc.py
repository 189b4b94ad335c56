"""Mel cepstra as librosa 0.6.3 computes them: the targets ``mfcc`` and ``mfcc_long`` of PASE and PASE+.

librosa.feature.mfcc of that version. In this order, with the defaults:

    frames of 400 samples (PASE+'s second: 2048) centred on sample 160 i, the signal reflected at both ends without
    repeating its first and last sample; periodic Hann window, transform as long as the frame; squared magnitudes
    128 triangles of area 1 in Hz from 0 Hz to half the sample rate, equally far apart in Slaney's mel: linear below
    1000 Hz (3 mel in 200 Hz), above it 27 mel in ln 6.4
    10 log10(max(m, 1e-10)) dB, none more than 80 dB below the loudest of the utterance; orthonormal DCT-II, 13 of it

``mel: htk`` with 40 filters is the other of PASE's extractors. Later librosa pads with zeros. n samples give
n // 160 + 1 frames, all of which count for the loudest.

Letters: B utterances, L samples, T frames, K frequencies, M mel filters, C cepstra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames, require

from ._spectral import Constants, cosine_transform
from ._stft import centred_geometry, checked_wave, frame_sizes, joined, mirrored, power_blocks
from .stft_mel import periodic_window

LEAST = 1e-10  # of an energy before the logarithm
BEND_HZ, HZ_A_MEL, LOG_STEP = 1000.0, 200 / 3, math.log(6.4) / 27  # of Slaney's scale


@dataclass(frozen=True)
class Config:
    """Settings; the comment names librosa's argument."""

    n_cepstra: int = 13  # n_mfcc
    n_mels: int = 128  # n_mels
    frame_length: float = 25.0  # ms, nearest whole sample; win_length
    frame_shift: float = 10.0  # ms, nearest whole sample; hop_length
    n_fft: int | None = None  # samples of the transform; null: those of a frame; n_fft
    mel: Literal["slaney", "htk"] = "slaney"  # htk
    top_db: float | None = 80.0  # least level below the loudest of the utterance; null: no limit; top_db

    def __post_init__(self):
        require(
            1 <= self.n_cepstra <= self.n_mels,
            f"librosa_mfcc: need 1 <= n_cepstra <= n_mels, got {self.n_cepstra} and {self.n_mels}",
        )
        require(
            self.top_db is None or self.top_db > 0, f"librosa_mfcc: top_db must be above 0 or null, got {self.top_db}"
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
        rate = source.sample_rate
        hop, width, size = frame_sizes(
            "librosa_mfcc", rate=rate, frame_length=cfg.frame_length, frame_shift=cfg.frame_shift, n_fft=cfg.n_fft
        )
        self.cfg, self.size, self.dim = cfg, size, cfg.n_cepstra
        self.geometry = centred_geometry(rate, hop=hop, width=width, size=size, last_frame=True)
        self.past = self.future = 0 if cfg.top_db is None else None
        self.constants = Constants(
            window=periodic_window("hann", width),
            mel=unit_area_triangles(rate, size=size, n_mels=cfg.n_mels, scale=cfg.mel),
            cosine=cosine_transform(cfg.n_mels, n_cepstra=cfg.n_cepstra, lifter=0.0),
        )

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, n_cepstra), zero past each length."""
        wave_BL = checked_wave("librosa_mfcc", frames, self.geometry.sample_rate)
        lengths_B, count = self.geometry.frames(frames.lengths_B), self.geometry.frames(wave_BL.shape[1])
        sizes = {"hop": self.geometry.hop, "width": self.geometry.window, "size": self.size, "frames": count}
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            signal_BP, tables = mirrored(wave_BL, frames.lengths_B, self.geometry), self.constants.like(wave_BL)
            energies = [x @ tables["mel"] for x in power_blocks(signal_BP, tables["window"], **sizes)]
            level_BTM = 10 * joined(energies, wave_BL, self.cfg.n_mels).clamp(min=LEAST).log10()
            result = Frames(level_BTM, lengths_B, self.geometry)
            if self.cfg.top_db is not None and count:
                level_BTM = level_BTM.maximum(_loudest(result) - self.cfg.top_db)
            x_BTC = level_BTM @ tables["cosine"]
        return result.with_x(x_BTC.to(frames.x_BTD.dtype)).masked()


def _loudest(levels: Frames) -> Tensor:
    """(B, 1, 1) largest level of the frames inside each length."""
    return levels.x_BTD.masked_fill(~levels.mask_BT[:, :, None], -math.inf).amax((1, 2), keepdim=True)


def unit_area_triangles(sample_rate: int, *, size: int, n_mels: int, scale: Literal["slaney", "htk"]) -> Tensor:
    """(K, M) float64: triangles linear in Hz, each divided by half its width; one may hold no frequency."""
    to_mel, to_hz = (_slaney, _slaney_hz) if scale == "slaney" else (_htk, _htk_hz)
    hz_K1 = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None] * sample_rate / size
    edges = to_hz(torch.linspace(to_mel(0.0), to_mel(sample_rate / 2), n_mels + 2, dtype=torch.float64))
    left_M, centre_M, right_M = edges[:-2], edges[1:-1], edges[2:]
    rising_KM, falling_KM = (hz_K1 - left_M) / (centre_M - left_M), (right_M - hz_K1) / (right_M - centre_M)
    return torch.minimum(rising_KM, falling_KM).clamp(min=0) * 2 / (right_M - left_M)


def _slaney(hz: float) -> float:
    return hz / HZ_A_MEL if hz < BEND_HZ else BEND_HZ / HZ_A_MEL + math.log(hz / BEND_HZ) / LOG_STEP


def _slaney_hz(mel: Tensor) -> Tensor:
    above = mel - BEND_HZ / HZ_A_MEL
    return torch.where(above < 0, mel * HZ_A_MEL, BEND_HZ * torch.exp(above * LOG_STEP))


def _htk(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _htk_hz(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)
