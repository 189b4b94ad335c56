"""Short-time spectra with Kaldi's numbers: framing, reflection at the edges, windows, mel filters, cosine transform.

Kaldi's order of operations on a frame (feature-window.cc): remove the mean, pre-emphasise with the
first sample as its own predecessor, multiply by the window, extend with zeros to a power of two,
power spectrum. Pre-emphasis is done here once on the whole signal and the mean is subtracted from
the result, which is the same by linearity.

Letters: B utterances, L samples, P padded samples, T frames, W window, F size of the Fourier transform,
K = F / 2 + 1 frequencies, M mel filters, C cepstra.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, require

FLOOR = 1.1920928955078125e-07  # Kaldi's floor of energies before the logarithm: FLT_EPSILON, for every dtype


class Constants:
    """Tables in float64, cast once for each device and dtype they are used with.

    They are no buffers on purpose: converting a model to half precision must not round its filters.
    """

    def __init__(self, **tables: Tensor):
        self._tables = tables
        self._cast: dict[tuple[torch.device, torch.dtype], dict[str, Tensor]] = {}

    def like(self, x: Tensor) -> dict[str, Tensor]:
        """The tables by name, on the device and in the dtype of ``x``."""
        key = (x.device, x.dtype)
        if key not in self._cast:
            self._cast[key] = {name: table.to(x.dtype).to(x.device) for name, table in self._tables.items()}
        return self._cast[key]


def kaldi_geometry(sample_rate: int, *, hop: int, window: int, snip_edges: bool) -> FrameGeometry:
    """Where Kaldi puts its frames; ``hop`` and ``window`` in samples.

    snip_edges: only frames that lie inside the signal. Otherwise frame i is centred on (i + 1/2) hop,
    the signal is reflected at both ends, and n samples give floor((n + floor(hop / 2)) / hop) frames.
    """
    if snip_edges:
        return FrameGeometry(sample_rate, hop=hop, window=window)
    offset = hop // 2 - window // 2
    return FrameGeometry(sample_rate, hop=hop, window=window, offset=offset, tail=window + offset - hop + hop // 2)


def reflect_edges(wave_BL: Tensor, lengths_B: Tensor, geometry: FrameGeometry) -> Tensor:
    """(B, L) -> (B, P): each signal reflected at its own two ends; sample 0 is the first that frame 0 sees.

    Past a signal's end and its reflection stands what the padding of ``wave_BL`` held (zeros).
    Signals shorter than the padding are reflected to and fro, as in Kaldi.
    """
    L = wave_BL.shape[1]
    left, right = -geometry.offset, geometry.tail
    last = (geometry.frames(L) - 1) * geometry.hop + fft_size(geometry.window)
    padded_BP = functional.pad(wave_BL, (left, max(last - left - L, right)))
    if left + right == 0:
        return padded_BP
    steps = torch.arange(-left, right, device=wave_BL.device)
    n_B1 = lengths_B.clamp(min=1)[:, None]
    where_BE = torch.where(steps < 0, steps, n_B1 + steps)  # before sample 0, and from sample n on
    folded_BE = where_BE.remainder(2 * n_B1)
    source_BE = torch.minimum(folded_BE, 2 * n_B1 - 1 - folded_BE)
    return padded_BP.scatter(1, where_BE + left, wave_BL.gather(1, source_BE))


def frame_means(x_BP: Tensor, *, hop: int, window: int, frames: int) -> Tensor:
    """(B, P) -> (B, T) mean of the ``window`` samples of each frame."""
    if torch.compiler.is_compiling():  # graphs that are exported have no pooling in float64
        return x_BP.unfold(1, window, hop)[:, :frames].mean(-1)
    return functional.avg_pool1d(x_BP[:, None], window, hop)[:, 0, :frames]


def power_spectra(x_BP: Tensor, window_F: Tensor, *, hop: int, width: int, preemphasis: float, dc: bool) -> Tensor:
    """(B, P) edge-filled signals -> (B, T, K) power spectra with T = (P - F) // hop + 1.

    Args:
        window_F: the window of ``width`` samples followed by zeros.
        dc: remove the mean of each frame.
    """
    F = window_F.shape[0]
    first_BP, rest_BP = x_BP[:, :1], x_BP[:, 1:]
    emphasised_BP = torch.cat([first_BP * (1 - preemphasis), rest_BP - preemphasis * x_BP[:, :-1]], dim=1)
    frames_BTF = emphasised_BP.unfold(1, F, hop)
    T = frames_BTF.shape[1]
    own_BT = x_BP[:, : (T - 1) * hop + 1 : hop]  # the first sample of each frame
    if dc:
        mean_BT = frame_means(x_BP, hop=hop, window=width, frames=T)
        frames_BTF = frames_BTF - (1 - preemphasis) * mean_BT[..., None]
        own_BT = own_BT - mean_BT
    frames_BTF = frames_BTF * window_F
    if torch.compiler.is_compiling() or window_F[0] != 0:  # a frame's first sample precedes itself
        frames_BTF[..., 0] = window_F[0] * (1 - preemphasis) * own_BT
    spectrum_BTK = torch.fft.rfft(frames_BTF)
    return spectrum_BTK.real.square() + spectrum_BTK.imag.square()


def raw_energy(x_BP: Tensor, *, hop: int, width: int, dc: bool, frames: int) -> Tensor:
    """(B, P) edge-filled signals -> (B, T) log energy before pre-emphasis and window (Kaldi's raw_energy)."""
    frames_BTW = x_BP.unfold(1, width, hop)[:, :frames]
    if dc:
        frames_BTW = frames_BTW - frame_means(x_BP, hop=hop, window=width, frames=frames)[..., None]
    return frames_BTW.square().sum(-1).clamp(min=FLOOR).log()


def exact_dtype(device: torch.device) -> torch.dtype:
    """The most exact dtype that a device computes in."""
    return torch.float32 if device.type == "mps" else torch.float64


def fft_size(window: int) -> int:
    """The power of two that is at least ``window``."""
    return 1 << (window - 1).bit_length()


def window_function(name: str, width: int) -> Tensor:
    """(F,) float64: Kaldi's window of ``width`` samples, then zeros up to the size of the transform.

    With c = cos(2 pi i / (width - 1)): povey (1/2 - c/2)^0.85, hanning 1/2 - c/2, hamming 0.54 - 0.46 c, rectangular 1.
    """
    cosine = torch.cos(2 * math.pi / max(width - 1, 1) * torch.arange(width, dtype=torch.float64))
    shapes = {
        "povey": (0.5 - 0.5 * cosine).clamp(min=0) ** 0.85,
        "hanning": 0.5 - 0.5 * cosine,
        "hamming": 0.54 - 0.46 * cosine,
        "rectangular": torch.ones_like(cosine),
    }
    return functional.pad(shapes[name], (0, fft_size(width) - width))


def mel_filters(sample_rate: int, *, size: int, n_mels: int, low_hz: float, high_hz: float) -> Tensor:
    """(K, M) float64: Kaldi's triangles, of equal width and linear sides in mel = 1127 ln(1 + f / 700).

    Args:
        size: size F of the Fourier transform.
        low_hz, high_hz: edges of the first and last triangle; ``high_hz <= 0`` counts from half the sample rate.

    The frequency sample_rate / 2 itself belongs to no triangle. Raises SonantError when the range is
    empty or a triangle holds no frequency of the transform.
    """
    nyquist, top = sample_rate / 2, top_of(sample_rate, high_hz)
    require(
        0 <= low_hz < top <= nyquist,
        f"mel filters from {low_hz} to {top} Hz do not fit audio of {sample_rate} Hz: need "
        f"0 <= low_hz < high_hz <= {nyquist} (high_hz <= 0 counts from {nyquist}); check low_hz, high_hz and the rate",
    )
    hz_K = torch.arange(size // 2 + 1, dtype=torch.float64)[:, None] * sample_rate / size
    edges = torch.linspace(_mel(low_hz), _mel(top), n_mels + 2, dtype=torch.float64)
    left_M, centre_M, right_M = edges[:-2], edges[1:-1], edges[2:]
    mel_K1 = 1127.0 * torch.log1p(hz_K / 700.0)
    rising_KM, falling_KM = (mel_K1 - left_M) / (centre_M - left_M), (right_M - mel_K1) / (right_M - centre_M)
    filters_KM = torch.minimum(rising_KM, falling_KM).clamp(min=0)
    filters_KM[-1] = 0
    empty = int((filters_KM.sum(0) == 0).sum())
    require(
        empty == 0,
        f"{empty} of {n_mels} mel filters hold no frequency of a {size}-point transform at {sample_rate} Hz; "
        "lower n_mels, widen low_hz to high_hz or lengthen frame_length",
    )
    return filters_KM


def top_of(sample_rate: int, high_hz: float) -> float:
    """Upper edge of the filters in Hz: ``high_hz``, which counts from half the sample rate when it is 0 or below."""
    return high_hz if high_hz > 0 else sample_rate / 2 + high_hz


def _mel(hz: float) -> float:
    return 1127.0 * math.log1p(hz / 700.0)


def cosine_transform(n_mels: int, *, n_cepstra: int, lifter: float) -> Tensor:
    """(M, C) float64: orthonormal DCT-II times Kaldi's lifter 1 + Q / 2 sin(pi c / Q); Q = ``lifter``, 0 for none."""
    c_C = torch.arange(n_cepstra, dtype=torch.float64)
    m_M1 = torch.arange(n_mels, dtype=torch.float64)[:, None] + 0.5
    table_MC = math.sqrt(2 / n_mels) * torch.cos(math.pi / n_mels * m_M1 * c_C)
    table_MC[:, 0] = math.sqrt(1 / n_mels)
    return table_MC * (1 + lifter / 2 * torch.sin(math.pi * c_C / lifter)) if lifter else table_MC
