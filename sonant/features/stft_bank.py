"""Filter banks on the short-time Fourier transform, as pydrobert-speech computes them and scpc is trained on.

A frame is multiplied by a window of unit area and transformed; a filter weights its magnitudes:

    c_m = log max(1e-5, 2 sum_k |X_k| f_mk)          or, with ``power``, of 2 sum_k |X_k|^2 f_mk^2

with f the square root of a triangle in mel. The energy, if asked for, comes first: log of the RMS of the unwindowed
frame (of the mean square with ``power``). What differs from Kaldi (``logmel``): frame k is centred on sample k shift,
magnitudes for powers, both halves of the spectrum, the floor, and no pre-emphasis and mean removal. n samples give
floor((n + floor(shift / 2)) / shift) frames; for fewer than half a window and 1 pydrobert-speech gives none.

The settings are those of its JSON descriptions (``--computer-json`` of scpc), which ``_computer_json`` translates.

Letters: B utterances, L samples, P padded samples, T frames, W samples of a window, K frequencies, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames, require, samples_of

from . import _spectral
from ._banks import Bank, Scale, Window, filters, window
from ._steps import After, Before

FLOOR = 1e-5  # of magnitudes, powers and energies before the logarithm
BLOCK = 512  # frames transformed at a time on a CPU; other devices take many times that


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the key of the JSON description."""

    n_filters: int = 80  # bank.num_filts
    bank: Bank = "fbank"  # bank.name: roots of triangles in mel, or triangles in Hz
    scale: Scale = "mel"  # bank.scaling_function: where the corners are equally far apart
    low_hz: float = 20.0  # Hz; bank.low_hz
    high_hz: float | None = None  # Hz; bank.high_hz; null: half the sample rate
    analytic: bool = False  # bank.analytic: one half of the spectrum, so that the factor 2 is missing
    frame_length: float = 0.025  # s, nearest whole sample; frame_length_ms
    frame_shift: float = 0.010  # s, nearest whole sample; frame_shift_ms
    frames: Literal["centred", "kaldi", "causal"] = "centred"  # frame_style, kaldi_shift: where frame k lies:
    # centred: around sample k shift; kaldi: around (k + 1/2) shift; causal: from sample k shift on
    window: Window = "hann"  # window_function
    energy: bool = False  # include_energy
    log: bool = True  # use_log
    power: bool = False  # use_power
    power_of_two: bool = True  # pad_to_nearest_power_of_two: the size of the transform
    scale_samples: float = 32768.0  # factor on waveforms in [-1, 1]: 16-bit files are read as whole numbers there
    preprocess: tuple[dict[str, Any], ...] = ()  # such as {name: dither, coeff: 1.0}, {name: preemphasize, coeff: 0.97}
    postprocess: tuple[dict[str, Any], ...] = ()  # {name: standardize}, {name: deltas, num_deltas: 2},
    # {name: stack, num_vectors: 3}, in this or any order


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, D) features, alone or in a padded batch the same.

    Spectra are computed in float64 where the device has it, under autocast too; the result has the waveform's dtype.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate, an unknown step; audio of another rate.
    """

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        self.cfg, rate = cfg, source.sample_rate
        hop, width = samples_of(cfg.frame_shift, rate), samples_of(cfg.frame_length, rate)
        require(cfg.n_filters >= 1, f"features: n_filters must be at least 1, got {cfg.n_filters}")
        require(
            1 <= hop <= width and width >= 2,
            f"features: frame_shift {cfg.frame_shift} s and frame_length {cfg.frame_length} s are {hop} and {width} "
            f"samples at {rate} Hz; need a length of at least 2 and of at least a shift (are they in seconds?)",
        )
        self.size = _spectral.fft_size(width) if cfg.power_of_two else width
        self.spectra = _geometry(rate, hop=hop, width=width, frames=cfg.frames)
        self.before = Before(cfg.preprocess, "features.preprocess")
        self.after = After(
            cfg.postprocess,
            geometry=self.before.geometry(self.spectra),
            dim=cfg.n_filters + cfg.energy,
            where="features.postprocess",
        )
        self.geometry, self.dim = self.after.geometry, self.after.dim
        self.past = self.future = self.after.reach
        self.repeats = self.before.repeats
        gains_KM = filters(
            rate,
            size=self.size,
            bank=cfg.bank,
            scale=cfg.scale,
            n_filters=cfg.n_filters,
            low_hz=cfg.low_hz,
            high_hz=cfg.high_hz,
        )
        gains_KM = (gains_KM.square() if cfg.power else gains_KM) * (1 if cfg.analytic else 2)
        self.constants = _spectral.Constants(window=window(cfg.window, width), gains=gains_KM)

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms in [-1, 1] -> (B, T, dim) features, zero past each length."""
        x_BLD, rate = frames.x_BTD, self.geometry.sample_rate
        require(
            frames.dim == 1 and frames.geometry.hop == 1 and x_BLD.is_floating_point(),
            f"features: need waveforms (B, L, 1) of floats in [-1, 1], got {tuple(x_BLD.shape)} {x_BLD.dtype}",
        )
        require(
            frames.geometry.sample_rate == rate,
            f"features: made for {rate} Hz, got audio of {frames.geometry.sample_rate} Hz; resample it",
        )
        lengths_B = self.spectra.frames(frames.lengths_B)
        with torch.autocast(device_type=x_BLD.device.type, enabled=False):
            exact_BL = x_BLD[..., 0].to(_spectral.exact_dtype(x_BLD.device)) * self.cfg.scale_samples
            exact_BL = self.before(exact_BL, frames.lengths_B, training=self.training)
            x_BTD = self._static(exact_BL, frames.lengths_B, torch.promote_types(x_BLD.dtype, torch.float32))
            out = self.after(Frames(x_BTD, lengths_B, self.spectra).masked())
        return out.with_x(out.x_BTD.to(x_BLD.dtype))

    def _static(self, wave_BL: Tensor, lengths_B: Tensor, dtype: torch.dtype) -> Tensor:
        """(B, L) -> (B, T, D) before the steps, a block of frames at a time."""
        T, hop, width = self.spectra.frames(wave_BL.shape[1]), self.spectra.hop, self.spectra.window
        if T == 0 or len(wave_BL) == 0:
            return torch.zeros(
                len(wave_BL), T, self.cfg.n_filters + self.cfg.energy, device=wave_BL.device, dtype=dtype
            )
        x_BP = _spectral.reflect_edges(wave_BL, lengths_B, self.spectra)
        step = max((BLOCK if x_BP.device.type == "cpu" else 128 * BLOCK) // len(x_BP), 1)
        ends = [(t, min(t + step, T) - 1) for t in range(0, T, step)]
        blocks = [self._block(x_BP[:, t * hop : last * hop + width].unfold(1, width, hop), dtype) for t, last in ends]
        return torch.cat(blocks, dim=1)

    def _block(self, frames_BTW: Tensor, dtype: torch.dtype) -> Tensor:
        cfg, tables = self.cfg, self.constants.like(frames_BTW)
        spectrum_BTK = torch.fft.rfft(frames_BTW * tables["window"], n=self.size)
        size_BTK = spectrum_BTK.real.square() + spectrum_BTK.imag.square()
        c_BTD = (size_BTK if cfg.power else size_BTK.sqrt()) @ tables["gains"]
        if cfg.energy:
            energy_BT1 = frames_BTW.square().mean(-1, keepdim=True)
            c_BTD = torch.cat([energy_BT1 if cfg.power else energy_BT1.sqrt(), c_BTD], dim=-1)
        return (c_BTD.clamp(min=FLOOR).log() if cfg.log else c_BTD).to(dtype)


def _geometry(sample_rate: int, *, hop: int, width: int, frames: str) -> FrameGeometry:
    """Where the frames lie; each of them is full, past the ends of the signal with its reflection."""
    left = {"centred": (width + 1) // 2 - 1, "kaldi": width // 2 - hop // 2, "causal": 0}[frames]
    return FrameGeometry(sample_rate, hop=hop, window=width, offset=-left, tail=width - left - hop + hop // 2)
