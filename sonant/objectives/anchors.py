"""Segments of the past of randomly chosen frames.

Letters: B utterances, T frames, M anchors of an utterance, J frames of a segment, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sonant.core import Frames


def draw_anchors(lengths_B: Tensor, *, number: int, first: int, generators: Sequence[torch.Generator]) -> Tensor:
    """Frames drawn uniformly and without replacement from [first, length) of every utterance.

    Args:
        lengths_B: (B,) frames of each utterance.
        number: M, how many to draw.
        first: the earliest frame that may be drawn.
        generators: one per utterance, on the CPU; neither padding nor the other utterances change what one draws.

    Returns:
        (B, M) frame numbers; -1 at the end of a row whose utterance has fewer frames to draw from.
    """
    anchor_BM = torch.full((len(lengths_B), number), -1)
    for b, (length, generator) in enumerate(zip(lengths_B.tolist(), generators, strict=True)):
        drawn = torch.randperm(max(length - first, 0), generator=generator)[:number] + first
        anchor_BM[b, : len(drawn)] = drawn
    return anchor_BM.to(lengths_B.device)


def segments(x: Frames, first_BM: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Frames first .. first + length - 1 of each utterance.

    Args:
        x: (B, T, D) frames.
        first_BM: where each segment begins.
        length: J, frames of a segment.

    Returns:
        (B, M, J, D) frames, and (B, M, J) booleans, true where such a frame exists.
    """
    place_BMJ = first_BM[..., None] + torch.arange(length, device=x.device)
    real_BMJ = (place_BMJ >= 0) & (place_BMJ < x.lengths_B[:, None, None])
    row_B11 = torch.arange(len(first_BM), device=x.device)[:, None, None]
    return x.x_BTD[row_B11, place_BMJ.clamp(0, x.x_BTD.shape[1] - 1)], real_BMJ
