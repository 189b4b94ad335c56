"""Fundamental frequency by SWIPE', batched: how well the spectrum fits a sawtooth of each candidate.

Camacho and Harris, 2008 (JASA 124(3)), with the numbers of Gorman's program that is in SPTK. For each candidate p, 96
to the octave from ``low_hz`` up:

    spectra of Hann windows of 2^k samples every half window, for the two k whose 8 periods of p are nearest
    their magnitudes on a scale of 1/10 ERB, from low_hz / 4 up to half the sample rate; the square root is the
    loudness, of unit length in every frame
    product with a kernel: cos(2 pi f / p) within 1/4 of harmonic 1, 2, 3, 5, 7, 11 .. (primes), half of it between 1/4
    and 3/4 to either side, times f^(-1/2), its positive part of unit length
    linear interpolation over time and, with weights 1 - |distance in octaves|, over the two windows

The strongest candidate, refined on a parabola through its neighbours in steps of 1/768 octave, is the pitch of a frame
if its strength is above a threshold.

variant ``sptk`` gives SPTK's numbers, with what is peculiar to them: the two second derivatives of a cubic spline are
multiplied and not added, its slope is 2 per Hz at both ends, and samples in [-1, 1] are divided by 32768 as if they
were whole numbers. Thus the few lowest and highest frequencies of a spectrum count as silent, which takes hum away, and
the level of a recording has an influence on its pitch. Candidates beyond the first and last window's own pitch lose
weight, and a frame whose best candidate is the highest is given the lowest. Variant ``paper`` has splines that are
level at both ends, is the same at every level, gives full weight to the candidates at both ends and keeps the highest.

Letters: B utterances, L samples, P padded samples, T frames, J frames of one window size, K frequencies,
E steps of the ERB scale, C candidates, G steps of the refinement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import require, samples_of

from ._spectral import Constants, exact_dtype

STEP_OCTAVES = 0.0104167  # between candidates, about 1 / 96
FINE_OCTAVES = 0.0013028  # between steps of the refinement, about 1 / 768
STEP_ERB = 0.1
PERIODS = 8  # of a candidate in half of its best window
END_SLOPE = 2.0  # of SPTK's splines, magnitude per Hz
SPTK_SCALE = 1 / 32768
POLE = 2 - math.sqrt(3)  # of the recursion that second derivatives of a cubic spline follow
SPREAD = 16  # frequencies it is followed for: POLE^16 < 1e-9
BLOCK = 512  # frames at a time, on a CPU


@dataclass(frozen=True)
class SwipeConfig:
    """Settings of the pitch."""

    frame_shift: float = 10.0  # ms, nearest whole sample
    low_hz: float = 60.0  # Hz, lowest candidate
    high_hz: float = 300.0  # Hz, above the highest candidate
    threshold: float = 0.3  # strength above which a frame is voiced, -1 to 1
    variant: Literal["paper", "sptk"] = "paper"  # sptk: SPTK's numbers, see above

    def __post_init__(self):
        require(
            self.low_hz > 0 and self.low_hz * 2**0.25 <= self.high_hz,
            f"f0: need low_hz above 0 and high_hz a quarter octave above it, got {self.low_hz}, {self.high_hz} Hz",
        )
        require(-1 <= self.threshold <= 1, f"f0: threshold must be from -1 to 1, got {self.threshold}")

    def hop(self, rate: int) -> int:
        """Samples from one frame to the next; raises SonantError below 1, and for candidates above half the rate."""
        hop = samples_of(self.frame_shift / 1000, rate)
        require(hop >= 1, f"f0: frame_shift of {self.frame_shift} ms is less than one sample at {rate} Hz")
        require(
            2 * self.high_hz <= rate, f"f0: high_hz of {self.high_hz} does not fit {rate} Hz: at most {rate / 2} Hz"
        )
        return hop


class Swipe:
    """Pitch of waveforms: all tables of one configuration, and what is computed with them."""

    def __init__(self, cfg: SwipeConfig, *, rate: int):
        self.cfg, self.rate, self.hop = cfg, rate, cfg.hop(rate)
        count = math.ceil(math.log2(cfg.high_hz / cfg.low_hz) / STEP_OCTAVES)
        octave_C = math.log2(cfg.low_hz) + STEP_OCTAVES * torch.arange(count, dtype=torch.float64)
        widest = 2 ** round(math.log2(PERIODS * rate / cfg.low_hz))
        self.widths = [widest >> k for k in range(round(math.log2(cfg.high_hz / cfg.low_hz)) + 1)]
        self.reach = widest  # samples on either side that have an influence on a frame
        hz_E = erb_scale(cfg.low_hz / 4, rate / 2)
        kernel_EC = kernels(hz_E, 2**octave_C)
        tables, self._slices = {"octave": octave_C, "refine": refinement()}, []
        for k, width in enumerate(self.widths):
            weight_C = self._weights(octave_C, k)
            own = weight_C.nonzero()[:, 0]
            self._slices.append(slice(int(own[0]), int(own[-1]) + 1))
            tables[f"kernel {width}"] = (kernel_EC * weight_C)[:, self._slices[-1]]
            tables[f"window {width}"] = torch.hann_window(width, periodic=True, dtype=torch.float64)
            tables[f"place {width}"] = hz_E * width / rate
            tables[f"bend {width}"] = end_bend(width // 2, rate / width)
        self.constants = Constants(**tables)

    def __call__(self, wave_BL: Tensor, *, frames: int) -> tuple[Tensor, Tensor]:
        """(B, L) waveforms, zero past their length -> F0 (Hz, 0 unvoiced) and strength of ``frames`` frames, (B, T).

        Frame i is centred on sample i times the hop. Both are in the most exact dtype of the device.
        """
        x_BL = wave_BL.to(exact_dtype(wave_BL.device))
        if self.cfg.variant == "sptk":
            x_BL = x_BL * SPTK_SCALE
        signal_BP = functional.pad(x_BL, (self.reach // 2, 2 * self.reach))
        step = BLOCK if x_BL.device.type == "cpu" else 64 * BLOCK
        step = max(step // max(len(x_BL), 1), 64)
        found = [self._block(signal_BP, t, min(t + step, frames)) for t in range(0, frames, step)]
        empty_BT = x_BL.new_zeros(len(x_BL), 0)
        f0, strength = zip(*found, strict=True) if found else ([empty_BT], [empty_BT])
        return torch.cat(f0, dim=1), torch.cat(strength, dim=1)

    def _block(self, signal_BP: Tensor, first: int, end: int) -> tuple[Tensor, Tensor]:
        """F0 and strength of the frames from ``first`` to before ``end``."""
        tables = self.constants.like(signal_BP)
        strength_BTC = signal_BP.new_zeros(len(signal_BP), end - first, len(tables["octave"]))
        for width, own in zip(self.widths, self._slices, strict=True):
            half = width // 2
            sample_T = torch.arange(first, end, device=signal_BP.device) * self.hop
            begin, last = first * self.hop // half, (end - 1) * self.hop // half + 1
            start = self.reach // 2 + (begin - 1) * half
            span_BP = signal_BP[:, start : start + (last - begin) * half + width]
            fit_BJC = self._loudness(span_BP, width) @ tables[f"kernel {width}"]
            before_T = sample_T // half - begin
            share_T1 = (sample_T % half).to(fit_BJC.dtype)[:, None] / half
            strength_BTC[..., own] += fit_BJC[:, before_T].lerp(fit_BJC[:, before_T + 1], share_T1)
        return self._pitch(strength_BTC, tables)

    def _loudness(self, span_BP: Tensor, width: int) -> Tensor:
        """(B, P) -> (B, J, E): loudness of every frame of ``width`` samples, of length 1 unless it is silent."""
        tables, hz = self.constants.like(span_BP), self.rate / width
        spectrum_BJK = torch.fft.rfft(span_BP.unfold(1, width, width // 2) * tables[f"window {width}"])
        magnitude_BJK = (spectrum_BJK.real.square() + spectrum_BJK.imag.square()).sqrt()[..., : width // 2]
        bend_BJK = bends(magnitude_BJK, hz)
        place_E = tables[f"place {width}"]
        low_E = place_E.long().clamp(max=width // 2 - 2)
        right_E = place_E - low_E
        left_E = 1 - right_E
        if self.cfg.variant == "sptk":
            bend_BJK = bend_BJK + tables[f"bend {width}"]
        low_BJE = (left_E**3 - left_E) * bend_BJK[..., low_E]
        high_BJE = (right_E**3 - right_E) * bend_BJK[..., low_E + 1]
        curve_BJE = low_BJE * high_BJE if self.cfg.variant == "sptk" else low_BJE + high_BJE
        line_BJE = left_E * magnitude_BJK[..., low_E] + right_E * magnitude_BJK[..., low_E + 1]
        loud_BJE = (line_BJE + curve_BJE * (hz * hz / 6)).clamp(min=0).sqrt()
        length_BJ1 = loud_BJE.norm(dim=-1, keepdim=True)
        return loud_BJE / length_BJ1.masked_fill(length_BJ1 == 0, 1)

    def _pitch(self, strength_BTC: Tensor, tables: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """F0 and strength of the best candidate of each frame."""
        top = strength_BTC.shape[-1] - 1
        best_BT, index_BT = strength_BTC.max(-1)
        inner_BT = index_BT.clamp(1, top - 1)
        around_BT3 = inner_BT[..., None] + torch.arange(-1, 2, device=inner_BT.device)
        fine_BT = (strength_BTC.gather(-1, around_BT3) @ tables["refine"]).argmax(-1)
        octave_BT = tables["octave"][inner_BT - 1] + fine_BT * FINE_OCTAVES
        edge_BT = torch.zeros_like(index_BT) if self.cfg.variant == "sptk" else index_BT
        octave_BT = torch.where(index_BT == inner_BT, octave_BT, tables["octave"][edge_BT])
        return torch.exp2(octave_BT).masked_fill(best_BT <= self.cfg.threshold, 0), best_BT

    def _weights(self, octave_C: Tensor, k: int) -> Tensor:
        """(C,) how much the k-th window counts for each candidate."""
        away_C = octave_C - math.log2(PERIODS * self.rate / self.widths[k])
        if self.cfg.variant == "paper":
            away_C = away_C.clamp(min=0) if k == 0 else away_C
            away_C = away_C.clamp(max=0) if k == len(self.widths) - 1 else away_C
        return (1 - away_C.abs()).clamp(min=0)


def erb_scale(low_hz: float, high_hz: float) -> Tensor:
    """(E,) float64 frequencies in Hz, 1/10 ERB apart from ``low_hz`` to below ``high_hz``; 21.4 log10(1 + f / 229)."""
    low, high = (21.4 * math.log10(1 + hz / 229) for hz in (low_hz, high_hz))
    erb_E = low + STEP_ERB * torch.arange(math.ceil((high - low) / STEP_ERB), dtype=torch.float64)
    return 229 * (10 ** (erb_E / 21.4) - 1)


def kernels(hz_E: Tensor, pitch_C: Tensor) -> Tensor:
    """(E, C) float64: what the loudness of a sawtooth of each pitch looks like."""
    ratio_EC = hz_E[:, None] / pitch_C
    wave_EC = (2 * math.pi * ratio_EC).cos()
    kernel_EC = torch.zeros_like(ratio_EC)
    for harmonic in (n for n in range(1, int(hz_E[-1] / pitch_C[0] - 0.75) + 1) if _prime(n)):
        away_EC = (ratio_EC - harmonic).abs()
        kernel_EC += torch.where(away_EC < 0.25, wave_EC, torch.where(away_EC < 0.75, wave_EC / 2, 0.0))
    kernel_EC *= hz_E[:, None] ** -0.5
    return kernel_EC / kernel_EC.clamp(min=0).norm(dim=0)


def bends(y_BJK: Tensor, step: float) -> Tensor:
    """(B, J, K) second derivatives of the cubic splines through values ``step`` apart, level at both ends.

    They obey bend[k - 1] + 4 bend[k] + bend[k + 1] = 6 (y[k - 1] - 2 y[k] + y[k + 1]) / step^2, and mirrored values
    give level ends. The inverse of the left side is a recursion forwards and one backwards; doubling follows each.
    """
    K = y_BJK.shape[-1]
    pad = min(SPREAD + 1, K - 1)
    y_BJK = functional.pad(y_BJK, (pad, pad), mode="reflect")
    bend_BJK = y_BJK[..., :-2] - 2 * y_BJK[..., 1:-1] + y_BJK[..., 2:]
    reach = 1
    while reach < SPREAD:
        factor = (-POLE) ** reach
        bend_BJK = torch.cat([bend_BJK[..., :reach], bend_BJK[..., reach:] + factor * bend_BJK[..., :-reach]], dim=-1)
        bend_BJK = torch.cat([bend_BJK[..., :-reach] + factor * bend_BJK[..., reach:], bend_BJK[..., -reach:]], dim=-1)
        reach *= 2
    return bend_BJK[..., pad - 1 : pad - 1 + K] * (6 * POLE / step**2)


def end_bend(count: int, step: float) -> Tensor:
    """(K,) float64: second derivatives of the spline through zeros whose slope is ``END_SLOPE`` at both ends."""
    matrix_KK = torch.diag(torch.full((count,), 4.0, dtype=torch.float64))
    matrix_KK += torch.diag(torch.ones(count - 1), 1) + torch.diag(torch.ones(count - 1), -1)
    matrix_KK[0, 0] = matrix_KK[-1, -1] = 2
    sides_K = torch.zeros(count, dtype=torch.float64)
    sides_K[0], sides_K[-1] = -6 * END_SLOPE / step, 6 * END_SLOPE / step
    return torch.linalg.solve(matrix_KK, sides_K)


def refinement() -> Tensor:
    """(3, G) float64: from the strengths of three neighbours to the parabola through them.

    It is one in the period of the pitch; its steps go from the lower neighbour to the upper.
    """
    octave_3 = STEP_OCTAVES * torch.arange(-1, 2, dtype=torch.float64)
    octave_G = (
        FINE_OCTAVES * torch.arange(round(2 * STEP_OCTAVES / FINE_OCTAVES) + 1, dtype=torch.float64) - STEP_OCTAVES
    )
    powers_33, powers_G3 = (
        (2**-octave)[:, None] ** torch.arange(3, dtype=torch.float64) for octave in (octave_3, octave_G)
    )
    return torch.linalg.solve(powers_33.T, powers_G3.T)


def _prime(n: int) -> bool:
    """Whether ``n`` divides by 1 and itself alone; 1 counts."""
    return all(n % d for d in range(2, math.isqrt(n) + 1))
