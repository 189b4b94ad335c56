"""What the features of PASE share: settings in milliseconds, checked waveforms, and power spectra block by block.

Spectra are float32 for float32 waveforms: with the windows and transforms used here their rounding lies 140 dB below
the loudest of a frame. float64 waveforms give float64.

Letters: B utterances, L samples, P padded samples, T frames, W window, K frequencies.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from sonant.core import FrameGeometry, Frames, require, samples_of

BLOCK = 128  # frames transformed at a time on a CPU, so that they stay in its cache; other devices take many times that


def frame_sizes(
    name: str, *, rate: int, frame_length: float, frame_shift: float, n_fft: int | None
) -> tuple[int, int, int]:
    """(hop, width, size of the transform) in samples, from milliseconds; ``n_fft=None``: as wide as a frame.

    Raises:
        SonantError: a frame of less than 2 samples, a shift of none, a transform shorter than a frame.
    """
    hop, width = samples_of(frame_shift / 1000, rate), samples_of(frame_length / 1000, rate)
    size = width if n_fft is None else n_fft
    require(
        hop >= 1 and 2 <= width <= size,
        f"{name}: need frame_shift of at least 1 sample and 2 <= frame_length <= n_fft samples, got frame_shift {hop}, "
        f"frame_length {width}, n_fft {size} at {rate} Hz (are they in milliseconds?)",
    )
    return hop, width, size


def checked_wave(name: str, frames: Frames, rate: int) -> Tensor:
    """(B, L) waveforms of float32 or float64, zero past each length; raises SonantError for anything else."""
    require(
        frames.dim == 1 and frames.geometry.hop == 1 and frames.geometry.sample_rate == rate,
        f"{name}: need waveforms (B, L, 1) at {rate} Hz, got {tuple(frames.x_BTD.shape)} at "
        f"{frames.geometry.rate:g} Hz",
    )
    wave_BL = frames.masked().x_BTD[..., 0]
    return wave_BL.to(torch.promote_types(wave_BL.dtype, torch.float32))


def centred_geometry(rate: int, *, hop: int, width: int, size: int, last_frame: bool) -> FrameGeometry:
    """Frames around the samples 0, hop, 2 hop ..: n // hop + 1 of them, or n // hop without ``last_frame``.

    A frame lies in the middle of a transform of ``size`` samples whose sample size // 2 is that multiple of the hop.
    """
    offset = (size - width) // 2 - size // 2
    return FrameGeometry(rate, hop=hop, window=width, offset=offset, tail=width + offset - (0 if last_frame else hop))


def mirrored(wave_BL: Tensor, lengths_B: Tensor, geometry: FrameGeometry) -> Tensor:
    """(B, L) -> (B, P) whose first sample is the first that frame 0 sees: every signal mirrored at its own two ends.

    The first and last sample are not repeated; shorter signals are mirrored to and fro.
    """
    L, left, right = wave_BL.shape[1], -geometry.offset, max(geometry.tail, 0)
    padded_BP = functional.pad(wave_BL, (left, right))
    n_B1 = lengths_B[:, None]
    outside_E = torch.cat([torch.arange(-left, 0), torch.arange(right)]).to(wave_BL.device)
    place_BE = torch.where(torch.arange(left + right, device=wave_BL.device) < left, outside_E, n_B1 + outside_E)
    period_B1 = (2 * (n_B1 - 1)).clamp(min=1)
    folded_BE = place_BE.remainder(period_B1)
    source_BE = torch.where(n_B1 > 1, torch.minimum(folded_BE, period_B1 - folded_BE), 0).clamp(max=max(L - 1, 0))
    return padded_BP.scatter(1, place_BE + left, wave_BL.gather(1, source_BE)) if L else padded_BP


def power_blocks(
    signal_BP: Tensor, window_W: Tensor | None, *, hop: int, width: int, size: int, frames: int
) -> Iterator[Tensor]:
    """(B, t, K) power spectra of ``frames`` frames of ``width`` samples every ``hop``, a block t of them at a time.

    ``window_W=None`` is rectangular. Where in the transform a frame stands has no influence on powers.
    """
    step = max((BLOCK if signal_BP.device.type == "cpu" else 512 * BLOCK) // max(len(signal_BP), 1), 1)
    for t in range(0, frames, step):
        last = min(t + step, frames) - 1
        frames_BtW = signal_BP[:, t * hop : last * hop + width].unfold(1, width, hop)
        if window_W is not None:
            frames_BtW = frames_BtW * window_W
        spectrum_BtK = torch.fft.rfft(frames_BtW, n=size)
        yield torch.addcmul(spectrum_BtK.real.square(), spectrum_BtK.imag, spectrum_BtK.imag)


def joined(blocks: list[Tensor], like_BL: Tensor, dim: int) -> Tensor:
    """(B, t, D) blocks one after another; without any, (B, 0, D) of ``dim`` dimensions."""
    return torch.cat(blocks, dim=1) if blocks else like_BL.new_zeros(len(like_BL), 0, dim)
