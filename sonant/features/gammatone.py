"""Log energies of a gammatone filter bank, the targets ``gtn`` and ``gtn_long`` of PASE+ (Ravanelli et al. 2020).

Slaney (1993), An Efficient Implementation of the Patterson-Holdsworth Auditory Filter Bank. 40 filters of fourth order
whose centres lie between 500 Hz (a filter of its own) and half the sample rate (none), equally far apart in equivalent
rectangular bandwidths ERB(f) = f / 9.26449 + 24.7 Hz, from low to high. With t the length of a sample, w = 2 pi f t and
d = exp(-2 pi 1.019 ERB t), a filter is the product of four sections

    t (1 - d (cos w +- sqrt(3 +- 2^1.5) sin w) z^-1) / (1 - 2 d cos w z^-1 + d^2 z^-2)

and has unit gain at f. A frame of 400 samples every 160 (PASE+'s second: 2048) from sample 0 on, inside the signal:
ln(sqrt(mean of the squared output) + 1e-10); 1 + floor((n - 400) / 160) frames.

The original runs the recursions. Here a filter is its impulse response as long as it is above 1e-11 of its peak, in
whole frames (70 ms), applied to the whole batch by Fourier transforms of overlapping blocks. Blocks in which some 16
samples lie 80 dB below the loudest are filtered in float64 where the device has it, since the rounding of a loud sound
spreads over its block, where digital silence may follow. Squares are summed over cells of 16 samples, of which the
frames of all the usual lengths are made: a memo that two of these share lets both cost one filtering.

Letters: B utterances, L samples, T frames, C filters, K frequencies, N samples of a block, R blocks, Q cells, W frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, FrameModule, Frames, require

from ._spectral import Constants, exact_dtype
from ._stft import checked_wave, frame_sizes

EAR_Q, MIN_HZ, WIDEN = 9.26449, 24.7, 1.019  # Glasberg and Moore (1990); Patterson et al. (1992)
TINY = 1e-10  # added to amplitudes before the logarithm
LEAST = 1e-11  # of the peak of an impulse response: what follows the last such sample is cut off
QUIET = 1e-4  # of the peak of a block: with samples below it the block is filtered in float64
CELL = 16  # samples, or what divides frame and shift
ROWS = 1  # blocks filtered at a time on a CPU, so that they stay in its cache; other devices take many more


@dataclass(frozen=True)
class Config:
    """Settings; the comment names the key of PASE's worker."""

    n_filters: int = 40  # n_channels
    low_hz: float = 500.0  # centre of the lowest filter; f_min
    frame_length: float = 25.0  # ms, nearest whole sample; win
    frame_shift: float = 10.0  # ms, nearest whole sample; hop

    def __post_init__(self):
        require(self.n_filters >= 1, f"gammatone: n_filters must be at least 1, got {self.n_filters}")


class Features(FrameModule):
    """Waveforms in [-1, 1] -> (B, T, n_filters), alone or in a padded batch the same.

    Args:
        cfg: settings.
        source: geometry of the waveform (hop 1).

    Raises:
        SonantError: settings that do not fit the sample rate; audio of another rate.
    """

    takes_memo = True  # forward(frames, memo=...)

    def __init__(self, cfg: Config, *, source: FrameGeometry):
        super().__init__()
        rate = source.sample_rate
        hop, width, _ = frame_sizes(
            "gammatone", rate=rate, frame_length=cfg.frame_length, frame_shift=cfg.frame_shift, n_fft=None
        )
        require(
            0 < cfg.low_hz < rate / 2,
            f"gammatone: low_hz must lie between 0 and {rate / 2:g} Hz, half the sample rate, got {cfg.low_hz:g}",
        )
        self.cfg, self.dim = cfg, cfg.n_filters
        self.cell = math.gcd(hop, width, CELL)
        self.geometry = FrameGeometry(rate, hop=hop, window=width)
        response_CN = impulse_responses(rate, n_filters=cfg.n_filters, low_hz=cfg.low_hz)
        self.past, self.future = (response_CN.shape[1] - 1) // hop, 0
        self.taps = self.past * hop + 1
        response_CN = response_CN[:, : self.taps]
        self.size = 1 << (3 * self.taps).bit_length()
        self.fresh = (self.size - self.taps + 1) // self.cell * self.cell  # outputs of a block that are not the last's
        self.constants = Constants(response=torch.view_as_real(torch.fft.rfft(response_CN, n=self.size)))

    def forward(self, frames: Frames, memo: dict[Any, Any] | None = None) -> Frames:
        """(B, L, 1) waveforms -> (B, T, n_filters), zero past each length.

        Args:
            frames: waveforms.
            memo: kept by the caller as long as the waveforms are these; the filtered signal is looked up and left in
                it, under a key that names the filters.
        """
        rate, hop, width = self.geometry.sample_rate, self.geometry.hop, self.geometry.window
        wave_BL = checked_wave("gammatone", frames, rate)
        memo, key = {} if memo is None else memo, ("gammatone", rate, self.cfg.n_filters, self.cfg.low_hz, self.cell)
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            if key not in memo:
                memo[key] = self._cells(wave_BL)
            mean_BCT = _means(memo[key], wide=width // self.cell, every=hop // self.cell) / self.cell
            x_BTC = (mean_BCT.sqrt() + TINY).log().transpose(1, 2)
        lengths_B = self.geometry.frames(frames.lengths_B)
        return Frames(x_BTC.to(frames.x_BTD.dtype).contiguous(), lengths_B, self.geometry).masked()

    def _filtered(self, block_RN: Tensor) -> Tensor:
        """(R, N) overlapping blocks -> (R, C, fresh // cell) sums of the squared outputs past their first taps."""
        response_CK = torch.view_as_complex(self.constants.like(block_RN)["response"])
        spectrum_R1K = torch.fft.rfft(block_RN)[:, None]
        output_RCN = torch.fft.irfft(spectrum_R1K * response_CK, n=self.size)
        square_RCN = output_RCN[..., self.taps - 1 : self.taps - 1 + self.fresh].square()
        return square_RCN.unflatten(2, (-1, self.cell)) @ block_RN.new_ones(self.cell)

    def _cells(self, wave_BL: Tensor) -> Tensor:
        """(B, L) -> (B, C, L // cell) sums of the squared outputs, overlapping blocks filtered one after another."""
        B, L = wave_BL.shape
        Q, fresh = L // self.cell, self.fresh
        if min(B, Q) == 0:
            return wave_BL.new_zeros(B, self.dim, Q)
        count = -(-Q * self.cell // fresh)
        padded_BP = functional.pad(wave_BL, (self.taps - 1, (count - 1) * fresh + self.size - self.taps + 1 - L))
        block_RN = padded_BP.unfold(1, self.size, fresh).flatten(0, 1)
        peak_RQ = block_RN[:, self.taps - 1 : self.taps - 1 + fresh].unflatten(1, (-1, self.cell)).abs().amax(2)
        exact_R = (peak_RQ.amin(1) < QUIET * block_RN.abs().amax(1)).tolist()
        step, found = ROWS if wave_BL.device.type == "cpu" else 128 * ROWS, []
        for r in range(0, len(block_RN), step):
            dtype = exact_dtype(wave_BL.device) if any(exact_R[r : r + step]) else wave_BL.dtype
            found.append(self._filtered(block_RN[r : r + step].to(dtype)).to(wave_BL.dtype))
        cells_RCQ = torch.cat(found)
        return cells_RCQ.unflatten(0, (B, count)).transpose(1, 2).flatten(2)[..., :Q]


def _means(cells_BCQ: Tensor, *, wide: int, every: int) -> Tensor:
    """(B, C, Q) -> (B, C, T): means of ``wide`` cells every ``every``."""
    if cells_BCQ.shape[2] < wide:
        return cells_BCQ[..., :0]
    return cells_BCQ.unfold(2, wide, every).mean(-1)


def centre_frequencies(sample_rate: int, *, n_filters: int, low_hz: float) -> Tensor:
    """(C,) float64 in Hz, from ``low_hz`` up; the next after the last would be half the sample rate."""
    shift, top = EAR_Q * MIN_HZ, sample_rate / 2
    step_C = torch.arange(n_filters, 0, -1, dtype=torch.float64) / n_filters
    return (top + shift) * ((low_hz + shift) / (top + shift)) ** step_C - shift


def transfer_functions(z_CK: Tensor, centre_C: Tensor, sample_rate: int) -> Tensor:
    """(C, K) complex z -> (C, K): the filters there, each divided by its gain at its centre."""
    angle_C1 = (2 * math.pi / sample_rate * centre_C)[:, None]
    damping_C1 = torch.exp(-2 * math.pi * WIDEN / sample_rate * (centre_C / EAR_Q + MIN_HZ))[:, None]

    def product(z: Tensor) -> Tensor:
        poles = 1 - 2 * damping_C1 * angle_C1.cos() / z + (damping_C1 / z) ** 2
        zeros = torch.ones_like(poles)
        for sign in (1, -1):
            for inner in (1, -1):
                root = sign * math.sqrt(3 + inner * 2**1.5)
                zeros = zeros * (1 - damping_C1 * (angle_C1.cos() + root * angle_C1.sin()) / z)
        return zeros / poles**4

    return product(z_CK) / product(torch.polar(torch.ones_like(angle_C1), angle_C1)).abs()


def impulse_responses(sample_rate: int, *, n_filters: int, low_hz: float) -> Tensor:
    """(C, N) float64: the filters' responses up to the last sample of any that is above ``LEAST`` of its peak."""
    slowest = 2 * math.pi * WIDEN / sample_rate * (low_hz / EAR_Q + MIN_HZ)  # nepers a sample
    size = 1 << math.ceil(80 / slowest).bit_length()  # by then all is below 1e-30, and folds back unheard
    angle_K = torch.arange(size // 2 + 1, dtype=torch.float64) * (2 * math.pi / size)
    z_CK = torch.polar(torch.ones_like(angle_K), angle_K).expand(n_filters, -1)
    centre_C = centre_frequencies(sample_rate, n_filters=n_filters, low_hz=low_hz)
    response_CN = torch.fft.irfft(transfer_functions(z_CK, centre_C, sample_rate), n=size)
    heard_N = (response_CN.abs() > LEAST * response_CN.abs().amax(1, keepdim=True)).any(0)
    return response_CN[:, : int(heard_N.nonzero().max()) + 1]
