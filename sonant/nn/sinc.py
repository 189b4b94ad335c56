"""Band-pass filters learnt by their edges in Hz, as a convolution on the waveform.

Ravanelli and Bengio 2018 (arXiv:1808.00158), Sec. 2, in the form of PASE+ (Ravanelli et al. 2020, arXiv:2001.09239) and
of ssl-for-slr. With N samples of kernel, N odd, and n = 1 .. (N - 1) / 2 samples from the middle, w_n = 2 pi n / rate:

    low  = min(50 + |low_hz|, rate / 2 - 50)      high = min(low + 50 + |band_hz|, rate / 2)
    h[0] = 1                                      h[n] = h[-n] = (sin(high w_n) - sin(low w_n)) / (w_n (high - low)) v_n

Each filter is the ideal one divided by its middle tap 2 (high - low). v is half a Hamming window, 0.54 - 0.46
cos(2 pi m / N), with m equally spaced from 0 to N / 2 - 1 towards the middle: its step is a little above 1, as in the
originals, and the middle tap has none. Those do not bound the lower edge, and divide by zero where it has learnt its
way to rate / 2.

Letters: B utterances, T samples, P samples with padding, C filters, N taps, H taps on one side.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import FrameGeometry, Frames, require
from .conv import same_padding
from .reflect import reflect

LEAST_HZ, LEAST_BAND_HZ = 50.0, 50.0  # added to the lower edge and to the width of every band


class SincConv(nn.Module):
    """(B, T, 1) waveforms -> (B, T', C). What comes out past each length is zero.

    Args:
        filters: C; their bands start out side by side, equally wide in mel = 2595 log10(1 + f / 700).
        kernel: taps; an even number is made the next odd one, since the filters are symmetric.
        stride: samples from one output frame to the next.
        sample_rate: Hz.
        lowest_hz: lower edge of the first band before training; 30 (PASE, ssl-for-slr), 50 (the SpeechBrain recipe).
        padding: beyond the ends, ``same_padding`` (T' = T // stride) of zeros (ssl-for-slr) or mirrored samples (PASE;
            at strides above 1 kernel // 2 - 1 before and kernel // 2 behind).
    """

    def __init__(
        self,
        filters: int,
        *,
        kernel: int,
        sample_rate: int,
        stride: int = 1,
        lowest_hz: float = 30.0,
        padding: Literal["zeros", "reflect"] = "zeros",
    ):
        super().__init__()
        kernel += 1 - kernel % 2
        top = sample_rate / 2 - (LEAST_HZ + LEAST_BAND_HZ)
        require(
            filters >= 1 and stride >= 1 and kernel >= max(stride, 3),
            f"sinc: need filters and stride of at least 1 and a kernel of at least 3 and the stride, got {filters}, "
            f"{stride} and {kernel}",
        )
        require(
            0 <= lowest_hz < top, f"sinc: lowest_hz must lie between 0 and {top:g} at {sample_rate} Hz, got {lowest_hz}"
        )
        self.stride, self.sample_rate, self.mirror = stride, sample_rate, padding == "reflect"
        self.left, self.right = _paddings(kernel, stride, mirror=self.mirror)
        edges = mel_spaced(lowest_hz, top, count=filters + 1)
        self.low_hz = nn.Parameter(edges[:-1].float())
        self.band_hz = nn.Parameter(edges.diff().float())
        half = kernel // 2
        place_H = torch.linspace(0, kernel / 2 - 1, half, dtype=torch.float64)
        window_H = 0.54 - 0.46 * torch.cos(2 * math.pi * place_H / kernel)
        angle_H = 2 * math.pi / sample_rate * torch.arange(-half, 0, dtype=torch.float64)
        self._tables = angle_H, window_H  # no buffers: converting a model to half precision must not round its filters

    @property
    def kernel(self) -> int:
        """Taps of a filter."""
        return 2 * len(self._tables[0]) + 1

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        """Where the output frames lie when the input lies at ``source``."""
        return source.stack(kernel=self.kernel, stride=self.stride, left=self.left, right=self.right)

    def edges(self) -> tuple[Tensor, Tensor]:
        """(C,) lower and (C,) upper edges in Hz."""
        low_C = (LEAST_HZ + self.low_hz.abs()).clamp(max=self.sample_rate / 2 - LEAST_BAND_HZ)
        high_C = (low_C + LEAST_BAND_HZ + self.band_hz.abs()).clamp(max=self.sample_rate / 2)
        return low_C, high_C

    def filters(self) -> Tensor:
        """(C, N) taps, in at least float32: angles are large."""
        low_C1, high_C1 = (edge.to(torch.promote_types(edge.dtype, torch.float32))[:, None] for edge in self.edges())
        angle_H, window_H = (table.to(low_C1.dtype).to(low_C1.device) for table in self._tables)
        left_CH = (torch.sin(high_C1 * angle_H) - torch.sin(low_C1 * angle_H)) / (angle_H / 2) * window_H
        left_CH = left_CH / (2 * (high_C1 - low_C1))
        return torch.cat([left_CH, torch.ones_like(low_C1), left_CH.flip(1)], dim=1)

    def forward(self, frames: Frames) -> Frames:
        """Waveform frames -> frames of C channels."""
        require(frames.dim == 1, f"sinc: filters are for waveforms of one channel, got {frames.dim}")
        counts = self.stack(FrameGeometry(frames.geometry.sample_rate)).frames
        wave_BT1, lengths_B = frames.x_BTD, counts(frames.lengths_B)
        n_out = counts(wave_BT1.shape[1])
        if n_out == 0:
            x_BTC = wave_BT1.new_zeros(len(wave_BT1), 0, len(self.low_hz))
        else:
            x_BTC = self._convolve(wave_BT1, frames.lengths_B)[:, :n_out]
        return Frames(x_BTC, lengths_B, self.stack(frames.geometry)).masked()

    def _convolve(self, wave_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        if self.mirror:
            wave_BP1 = reflect(wave_BT1, lengths_B, left=self.left, right=self.right)
        else:
            wave_BP1 = F.pad(wave_BT1, (0, 0, self.left, self.right))
        taps_C1N = self.filters().to(wave_BP1.dtype)[:, None]
        return F.conv1d(wave_BP1.transpose(1, 2), taps_C1N, stride=self.stride).transpose(1, 2)


def _paddings(kernel: int, stride: int, *, mirror: bool) -> tuple[int, int]:
    if mirror and stride > 1:
        return kernel // 2 - 1, kernel // 2
    return same_padding(kernel, stride)


def mel_spaced(low_hz: float, high_hz: float, *, count: int) -> Tensor:
    """(count,) float64 frequencies in Hz, equally far apart in mel = 2595 log10(1 + f / 700)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, high_hz))
    return 700 * (10 ** (torch.linspace(low, high, count, dtype=torch.float64) / 2595) - 1)
