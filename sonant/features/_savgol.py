"""Slopes by Savitzky and Golay, and the one way from a feature extractor to the targets of a regression.

PASE (Ravanelli et al. 2020) predicts features together with their first and second derivatives over 9 frames: those of
the line, and of the parabola, that fit the 9 best (librosa.feature.delta; scipy.signal.savgol_filter, mode interp).
A line has one slope and a parabola one curvature, so that the 4 frames at either end, which read theirs off the curve
of the first or last 9, all have that of the nearest frame with 4 neighbours on both sides.

Letters: B utterances, L samples, T frames, D dimensions, O orders, S frames of a block.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sonant.core import FrameModule, Frames, mask_of, require

REACH = 4  # frames on either side
BLOCK = 16  # frames at a time: one product with a matrix that is nearly full; one utterance at a time on a CPU


def savgol_deltas(x_BTD: Tensor, lengths_B: Tensor, *, orders: int = 2) -> Tensor:
    """(B, T, D) -> (B, T, (1 + orders) D): features, slopes and, with two orders, curvatures, zero past each length.

    The units are those of one frame: slope in x per frame, curvature in x per frame squared. An utterance of less than
    9 frames, which the originals refuse, has slopes of zero.

    Raises:
        SonantError: orders other than 0, 1 or 2.
    """
    require(orders in (0, 1, 2), f"deltas: orders must be 0, 1 or 2, got {orders}")
    B, T, D = x_BTD.shape
    if orders == 0:
        return x_BTD
    out_BTD = x_BTD.new_empty(B, T, (1 + orders) * D)
    band_OSW, few = _band(x_BTD, orders), 1 if x_BTD.device.type == "cpu" else max(B, 1)
    for b in range(0, B, few):
        out_BTD[b : b + few, :, :D] = x_BTD[b : b + few]
        _inner_slopes(x_BTD[b : b + few], band_OSW, out_BTD[b : b + few, :, D:].unflatten(2, (orders, D)))
    _spread_ends(out_BTD[..., D:], lengths_B)
    if bool((lengths_B < T).any()):
        out_BTD = out_BTD.masked_fill(~mask_of(lengths_B, T)[:, :, None], 0)
    return out_BTD


def _inner_slopes(x_BTD: Tensor, band_OSW: Tensor, slope_BTOD: Tensor) -> None:
    """Write the slopes of the frames that have 4 neighbours on both sides, a block of frames at a time."""
    orders = len(band_OSW)
    for t in range(0, x_BTD.shape[1] - 2 * REACH, BLOCK):
        S = min(BLOCK, x_BTD.shape[1] - 2 * REACH - t)
        found_BSD = band_OSW[:, :S, : S + 2 * REACH].flatten(0, 1) @ x_BTD[:, t : t + S + 2 * REACH]
        slope_BTOD[:, t + REACH : t + REACH + S] = found_BSD.unflatten(1, (orders, S)).transpose(1, 2)


def _band(x_BTD: Tensor, orders: int) -> Tensor:
    """(O, S, S + 8): row s of an order holds its 9 weights from column s on."""
    k_W = torch.arange(-REACH, REACH + 1.0, dtype=torch.float64)
    centred_W = k_W.square() - k_W.square().mean()
    weights_OW = torch.stack([k_W / k_W.square().sum(), 2 * centred_W / centred_W.square().sum()])[:orders]
    band_OSW = torch.zeros(orders, BLOCK, BLOCK + 2 * REACH, dtype=torch.float64)
    for s in range(BLOCK):
        band_OSW[:, s, s : s + 2 * REACH + 1] = weights_OW
    return band_OSW.to(x_BTD.dtype).to(x_BTD.device)


def _spread_ends(slope_BTD: Tensor, lengths_B: Tensor) -> None:
    """Give the 4 frames at either end of every utterance, in place, the slopes of the nearest inner one."""
    B, T, _ = slope_BTD.shape
    if T <= 2 * REACH:
        slope_BTD.zero_()
        return
    slope_BTD[:, :REACH] = slope_BTD[:, REACH : REACH + 1].clone()
    row_B1 = torch.arange(B, device=slope_BTD.device)[:, None]
    inner_B1 = (lengths_B[:, None] - 1 - REACH).clamp(min=REACH)
    end_BE = inner_B1 + torch.arange(1, REACH + 1, device=slope_BTD.device)
    slope_BTD[row_B1, end_BE.clamp(max=T - 1)] = slope_BTD[row_B1, inner_B1.expand_as(end_BE).clamp(max=T - 1)]
    if bool((lengths_B <= 2 * REACH).any()):
        slope_BTD.masked_fill_((lengths_B <= 2 * REACH)[:, None, None], 0)


def regression_targets(
    features: FrameModule,
    wave: Frames,
    *,
    lengths_B: Tensor,
    size: int,
    deltas: int = 0,
    memo: dict[Any, Any] | None = None,
) -> Frames:
    """What a regression predicts of a clean waveform, frame for frame what the encoder gives.

    In the order of the original, which matters where the counts differ: the features (whatever is relative to the
    loudest of the utterance takes all of them); without those beyond the frames wanted; their slopes; the last of the
    result repeated as often as frames are wanting. Features whose frames lie inside the signal have fewer of
    them than those that pad it: 2 s give 198 or 199, and at 10 ms a frame 200 are wanted.

    Args:
        features: what is computed of the waveform.
        wave: (B, L, 1) clean waveforms.
        lengths_B: (B,) frames wanted of each.
        size: T of the result, at least the largest of ``lengths_B``.
        deltas: orders of slopes appended.
        memo: kept by the caller for one batch of waveforms; features with ``takes_memo`` leave in it what others can
            use (the filtered signal of all windows of ``gammatone``).

    Returns:
        Frames (B, T, D (1 + deltas)), zero past each length and throughout where there is no frame to repeat.
    """
    found = features(wave, memo=memo) if getattr(features, "takes_memo", False) else features(wave)
    own_B = torch.minimum(found.lengths_B, lengths_B)
    x_BTD = savgol_deltas(found.x_BTD[:, :size], own_B, orders=deltas)
    have = x_BTD.shape[1]
    if have == 0:
        x_BTD = x_BTD.new_zeros(len(x_BTD), size, x_BTD.shape[2])
    elif bool((own_B < size).any()):
        place_BT = torch.arange(size, device=x_BTD.device).minimum((own_B[:, None] - 1).clamp(min=0))
        x_BTD = x_BTD[torch.arange(len(x_BTD), device=x_BTD.device)[:, None], place_BT]
        x_BTD = x_BTD.masked_fill(own_B[:, None, None] == 0, 0)
    return Frames(x_BTD, lengths_B, found.geometry).masked()
