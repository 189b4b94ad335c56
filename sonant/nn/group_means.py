"""Means over groups of frames side by side, which bring the frames of a lower layer to the rate of a higher one.

Letters: B utterances, C channels, T frames, S groups (frames after it), n frames of a group.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

GroupName = Literal["mean", "stretch", "legacy"]


def group_means(
    x_BCT: Tensor, lengths_B: Tensor | None, counts_B: Tensor | None, *, size: int, groups: int, how: GroupName = "mean"
) -> Tensor:
    """(B, C, T) -> (B, C, S).

    Args:
        lengths_B: real frames of each utterance; None: all of them.
        counts_B: groups of each utterance; None: S. What stands behind them means nothing.
        size: n.
        groups: S.
        how: mean: groups of n; where the last one is short of frames, over those that there are.
            stretch: groups of T // S frames of the utterance, which is n or near it (PASE+).
            legacy: as stretch, but over the elements of a group in the order (time, channel) and not over time:
            channel c of a frame gets the c-th part of its group (the SpeechBrain recipe, by mistake).
    """
    T = x_BCT.shape[2]
    if how == "mean":
        if lengths_B is None and groups * size <= T:
            return x_BCT[:, :, : groups * size].unflatten(2, (groups, size)).mean(3)
        return _partial_means(x_BCT, lengths_B, size=size, groups=groups)
    regroup = _stretched if how == "stretch" else _mixed
    if lengths_B is None or counts_B is None:
        return regroup(x_BCT, T, groups)
    pairs = zip(lengths_B.tolist(), counts_B.tolist(), strict=True)
    rows = [regroup(x_BCT[b : b + 1], T_b, S_b) for b, (T_b, S_b) in enumerate(pairs)]
    return torch.cat([F.pad(row_1CS, (0, groups - row_1CS.shape[2])) for row_1CS in rows])


def _partial_means(x_BCT: Tensor, lengths_B: Tensor | None, *, size: int, groups: int) -> Tensor:
    T, place_T = x_BCT.shape[2], torch.arange(x_BCT.shape[2], device=x_BCT.device)
    if lengths_B is None:
        lengths_B = torch.full((1,), T, device=x_BCT.device)
    x_BCT = x_BCT.masked_fill((place_T >= lengths_B[:, None])[:, None], 0.0)
    x_BCT = F.pad(x_BCT, (0, groups * size - T)) if groups * size > T else x_BCT[:, :, : groups * size]
    first_S = size * torch.arange(groups, device=x_BCT.device)
    members_BS = (lengths_B[:, None] - first_S).clamp(1, size)
    return x_BCT.unflatten(2, (groups, size)).sum(3) / members_BS[:, None]


def _stretched(x_BCT: Tensor, length: int, groups: int) -> Tensor:
    size = length // max(groups, 1)
    return x_BCT[:, :, : groups * size].unflatten(2, (groups, size)).mean(3)


def _mixed(x_BCT: Tensor, length: int, groups: int) -> Tensor:
    B, C, _ = x_BCT.shape
    size = length // max(groups, 1)
    x_BTC = x_BCT[:, :, : groups * size].transpose(1, 2)
    return x_BTC.reshape(B, groups, C, size).mean(3).transpose(1, 2)
