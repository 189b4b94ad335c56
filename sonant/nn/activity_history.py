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


def activity_history(
    activity_BTC: Tensor,
    *,
    rate: float,
    bounds_s: tuple[float, ...] = (60.0, 30.0, 10.0, 5.0),
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
    ago = [samples_of(bound, rate) for bound in bounds_s]
    require(
        ago == sorted(set(ago), reverse=True) and min(ago, default=0) > 0,
        f"bounds of the activity history must fall and be a frame apart, got {bounds_s} s at {rate:g} Hz",
    )
    total_BTC = F.pad(activity_BTC.int().cumsum(-2, dtype=torch.int32), (0, 0, 1, 0))  # before each frame
    newer = [*ago, 0]
    share = [_share(total_BTC, first, last) for first, last in zip([None, *ago], newer, strict=True)]
    if oldest == "never":
        share[0] = torch.full_like(share[0], 0.5)
    return torch.stack(share, dim=-1)


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
