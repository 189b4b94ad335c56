"""Triangular filter banks and windows as pydrobert-speech has them.

Letters: K frequencies of the transform, M filters, W samples of a window.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from sonant.core import require

Scale = Literal["mel", "bark", "linear", "octave"]
Bank = Literal["fbank", "triangular"]
Window = Literal["hann", "hamming", "blackman", "bartlett"]
AREA = {"hann": 0.5, "hamming": 0.54, "blackman": 0.42, "bartlett": 0.5}  # mean of a long window


def filters(
    sample_rate: int, *, size: int, bank: Bank, scale: Scale, n_filters: int, low_hz: float, high_hz: float | None
) -> Tensor:
    """(K, M) float64 gains, with corners equally far apart on ``scale`` between ``low_hz`` and ``high_hz``.

    ``fbank``: square roots of triangles whose sides are linear in mel. ``triangular``: triangles linear in Hz.

    Args:
        size: of the Fourier transform.
        high_hz: None: half the sample rate.

    Raises:
        SonantError: an empty range, a scale that does not fit the bank, a filter without a frequency.
    """
    top = sample_rate / 2 if high_hz is None else high_hz
    require(
        0 <= low_hz < top <= sample_rate / 2,
        f"filters from {low_hz:g} to {top:g} Hz do not fit audio of {sample_rate} Hz: need 0 <= low_hz < high_hz <= "
        f"{sample_rate / 2:g}",
    )
    require(bank != "fbank" or scale == "mel", f"the bank fbank is in mel; for the scale {scale} take triangular")
    require(scale != "octave" or low_hz > 0, "octaves have no beginning at 0 Hz: raise low_hz")
    low, high = _to_scale(low_hz, scale), _to_scale(top, scale)
    corners = [_to_hz(low + (high - low) * i / (n_filters + 1), scale) for i in range(n_filters + 2)]
    hz_K1 = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None] * sample_rate / size
    at_K1, edges = hz_K1, torch.tensor(corners, dtype=torch.float64)
    if bank == "fbank":
        at_K1, edges = 1127 * torch.log1p(hz_K1 / 700), 1127 * torch.log1p(edges / 700)
    left_M, centre_M, right_M = edges[:-2], edges[1:-1], edges[2:]
    gains_KM = torch.minimum((at_K1 - left_M) / (centre_M - left_M), (right_M - at_K1) / (right_M - centre_M))
    gains_KM = gains_KM.clamp(min=0)
    empty = int((gains_KM.sum(0) == 0).sum())
    require(
        empty == 0,
        f"{empty} of {n_filters} filters hold no frequency of a {size}-point transform at {sample_rate} Hz; lower "
        "n_filters, widen low_hz to high_hz or lengthen frame_length",
    )
    return gains_KM.sqrt() if bank == "fbank" else gains_KM


def window(name: Window, width: int) -> Tensor:
    """(W,) float64 symmetric window of unit area, for long W."""
    make = {
        "hann": torch.hann_window,
        "hamming": torch.hamming_window,
        "blackman": torch.blackman_window,
        "bartlett": torch.bartlett_window,
    }[name]
    return make(width, periodic=False, dtype=torch.float64) / (AREA[name] * max(width - 1, 1))


def _to_scale(hz: float, scale: Scale) -> float:
    if scale == "mel":
        return 1127 * math.log1p(hz / 700)
    if scale == "octave":
        return math.log2(hz)
    if scale == "linear":
        return hz
    bark = 26.81 * hz / (1960 + hz) - 0.53  # Traunmueller, 1990
    if bark < 2:
        return bark + 0.15 * (2 - bark)
    return bark + 0.22 * (bark - 20.1) if bark > 20.1 else bark


def _to_hz(place: float, scale: Scale) -> float:
    if scale == "mel":
        return 700 * math.expm1(place / 1127)
    if scale == "octave":
        return 2**place
    if scale == "linear":
        return place
    if place < 2:
        place = (place - 0.3) / 0.85
    elif place > 20.1:
        place = (place + 4.422) / 1.22
    return 1960 * (place + 0.53) / (26.28 - place)
