"""Stretching the frequency axis of log-mel features: voices of other sizes from the same recording.

Vocal tract length perturbation (Jaitly and Hinton 2013, ICML workshop): f -> a f up to a corner near 60 % of the
band, then linear so that the end of the band stays where it is. Applied to log-mel energies by interpolation.

Letters: B utterances, T frames, M mel filters.
"""

from __future__ import annotations

import torch
from torch import Tensor

CORNER = 0.6  # of the band: below it the axis is scaled by the factor


def mel_of(hz: Tensor) -> Tensor:
    """Hz to mel (HTK, Kaldi): 1127 ln(1 + f / 700)."""
    return 1127.0 * torch.log1p(hz / 700.0)


def hz_of(mel: Tensor) -> Tensor:
    """Mel to Hz."""
    return 700.0 * torch.expm1(mel / 1127.0)


def warp_matrices(factor_B: Tensor, *, n_mels: int, low_hz: float, high_hz: float) -> Tensor:
    """(B, M, M) matrices; ``logmel_BTM @ them`` reads each filter's energy at its frequency times the factor.

    Args:
        factor_B: factors near 1; exactly 1 gives the identity.
        n_mels, low_hz, high_hz: filters, whose centres are equally spaced in mel between the two edges.
    """
    low, high = mel_of(torch.tensor([low_hz, high_hz], dtype=torch.float64, device=factor_B.device)).tolist()
    centre_M = low + (high - low) * torch.arange(1, n_mels + 1, device=factor_B.device) / (n_mels + 1)
    hz_M, factor_B1 = hz_of(centre_M)[None], factor_B[:, None]
    corner_B1 = CORNER * high_hz * torch.clamp(1 / factor_B1, max=1.0)
    slope_B1 = (high_hz - factor_B1 * corner_B1) / (high_hz - corner_B1)
    warped_BM = torch.where(hz_M <= corner_B1, factor_B1 * hz_M, factor_B1 * corner_B1 + slope_B1 * (hz_M - corner_B1))
    place_BM = ((mel_of(warped_BM) - low) / (high - low) * (n_mels + 1) - 1).clamp(0, n_mels - 1)
    distance_BMM = (place_BM[:, None] - torch.arange(n_mels, device=factor_B.device)[:, None]).abs()
    return (1 - distance_BMM).clamp(min=0)
