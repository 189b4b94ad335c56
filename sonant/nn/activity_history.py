"""Who has spoken how much so far: the share of speaker 0 in windows of the past.

Ekstedt and Skantze 2022 (arXiv:2205.09812), Sec. 3.2: from the beginning to 60 s ago, 60-30, 30-10, 10-5 and 5-0 s.

Letters: B dialogues, T frames, C = 2 speakers, W windows.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import require, samples_of

Oldest = Literal["filled", "never"]
BOUNDS_S = (60.0, 30.0, 10.0, 5.0)


def activity_history(
    activity_BTC: Tensor,
    *,
    rate: float,
    bounds_s: tuple[float, ...] = BOUNDS_S,
    oldest: Oldest = "filled",
) -> Tensor:
    """Speaker 0's share of all activity in each window; 1 minus it is that of the dialogue with speakers exchanged.

    Frame n counts into its newest window. Windows that reach before the dialogue count what there is.

    Args:
        activity_BTC: (..., T, 2) of 0 and 1, of the past only.
        rate: frames per second.
        bounds_s: between windows, seconds ago, falling.
        oldest: ``never`` leaves the window from the beginning at 0.5, as all published models were trained: a test of
            the original code looks at the wrong axis, so that it never fills it.

    Returns:
        (..., T, W) float32 in [0, 1], the oldest window first; 0.5 where nobody spoke or the window lies before the
        dialogue.
    """
    ago = _frames_ago(bounds_s, rate)
    total_BTC = F.pad(activity_BTC.int().cumsum(-2, dtype=torch.int32), (0, 0, 1, 0))  # before each frame
    newer = [*ago, 0]
    share = [_share(total_BTC, first, last) for first, last in zip([None, *ago], newer, strict=True)]
    if oldest == "never":
        share[0] = torch.full_like(share[0], 0.5)
    return torch.stack(share, dim=-1)


def of_both_speakers(share_BTW: Tensor) -> Tensor:
    """(..., W) shares of speaker 0 -> (..., 2 W), of both speakers: window by window, speaker 0 first."""
    return torch.stack([share_BTW, 1 - share_BTW], dim=-1).flatten(-2)


def _share(total_BTC: Tensor, first: int | None, last: int) -> Tensor:
    """(..., T) share of speaker 0 in frames n - first + 1 to n - last; ``first`` None: from the beginning."""
    T = total_BTC.shape[-2] - 1
    n_T = torch.arange(T, device=total_BTC.device)
    end_T = (n_T - last + 1).clamp(min=0)
    begin_T = torch.zeros_like(n_T) if first is None else (n_T - first + 1).clamp(min=0)
    count_BTC = (total_BTC[..., end_T, :] - total_BTC[..., begin_T, :]).float()
    both_BT = count_BTC.sum(-1)
    undefined_BT = (both_BT == 0) | (n_T < last)
    return (count_BTC[..., 0] / both_BT.clamp(min=1)).masked_fill(undefined_BT, 0.5)


def _frames_ago(bounds_s: tuple[float, ...], rate: float) -> list[int]:
    ago = [samples_of(bound, rate) for bound in bounds_s]
    require(
        ago == sorted(set(ago), reverse=True) and min(ago, default=0) > 0,
        f"bounds of the activity history must fall and be a frame apart, got {bounds_s} s at {rate:g} Hz",
    )
    return ago


def history_begin(batch: int, *, rate: float, device: torch.device | str = "cpu") -> Tensor:
    """The state of ``history_step`` before the first frame: (B, P, 2) int32 activity counted up to each of the last P
    frames, those of the longest bound and one more."""
    return torch.zeros(batch, _frames_ago(BOUNDS_S, rate)[0] + 1, 2, dtype=torch.int32, device=device)


def history_step(
    activity_BTC: Tensor, totals_BPC: Tensor, *, rate: float, oldest: Oldest = "filled"
) -> tuple[Tensor, Tensor]:
    """``activity_history`` of the next frames (B, T, 2), (B, T, 5), and the next state."""
    T, P = activity_BTC.shape[1], totals_BPC.shape[1]
    new_BTC = totals_BPC[:, -1:] + activity_BTC.int().cumsum(1, dtype=torch.int32)
    total_BNC = torch.cat([totals_BPC, new_BTC], dim=1)
    shares, before_BTC = [], torch.zeros_like(new_BTC)
    for last in (*_frames_ago(BOUNDS_S, rate), 0):
        upto_BTC = total_BNC[:, P - last : P - last + T]
        count_BTC = (upto_BTC - before_BTC).float()
        both_BT = count_BTC.sum(-1)
        shares.append((count_BTC[..., 0] / both_BT.clamp(min=1)).masked_fill(both_BT == 0, 0.5))
        before_BTC = upto_BTC
    if oldest == "never":
        shares[0] = torch.full_like(shares[0], 0.5)
    return torch.stack(shares, dim=-1), total_BNC[:, T:]
