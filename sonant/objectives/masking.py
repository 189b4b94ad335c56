"""Altering features so that a model has something to restore: blocks of time, bands of frequency, noise.

Liu et al. 2019 (arXiv:1910.12638); Liu, Li and Lee 2020 (arXiv:2007.06028), whose
three alterations these are. Details that the papers leave open are those of the toolkit s3prl.

Every draw belongs to one utterance, from a generator of its own and from its own length, so that neither padding nor
the split of a batch over processes changes it. Utterances shorter than a block are left as they are and count nothing.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from sonant.core import Frames, mask_of


def alter_time(
    frames: Frames,
    generators: Sequence[torch.Generator],
    *,
    share: float,
    width: int,
    zero: float = 0.8,
    swap: float = 0.1,
) -> tuple[Frames, Tensor]:
    """Blocks of frames set to zero, swapped for other frames, or left alone, the same for all blocks of an utterance.

    round(T share / width) blocks (halves to the even number) begin at different frames of 0 .. T - width - 1, drawn
    uniformly; they may overlap, so that somewhat fewer than T share frames are in one.

    Args:
        frames: (B, T, D).
        generators: one per utterance, on the CPU.
        share: of the frames, in [0, 1].
        width: of a block, in frames.
        zero, swap: how probable zeros and blocks from elsewhere in the utterance are, ``zero`` + ``swap`` <= 1; the
            rest of the utterances keep their frames, which are to be predicted all the same.

    Returns:
        the altered frames, and (B, T) booleans, true in a block.
    """
    B, T, _ = frames.x_BTD.shape
    source_BT, masked_BT = torch.arange(T).repeat(B, 1), torch.zeros(B, T, dtype=torch.bool)
    for b, (length, generator) in enumerate(zip(frames.lengths_B.tolist(), generators, strict=True)):
        count = round(length * share / width) if length >= width else 0
        if count == 0:
            continue
        chosen = _blocks(length, count=count, width=width, generator=generator)
        other = _blocks(length, count=count, width=width, generator=generator)
        dice = float(torch.rand((), generator=generator))
        masked_BT[b, chosen] = True
        if dice < zero:
            source_BT[b, chosen] = -1
        elif dice < zero + swap:
            source_BT[b, chosen] = other
    source_BT1 = source_BT.to(frames.device)[:, :, None]
    x_BTD = frames.x_BTD.gather(1, source_BT1.clamp(min=0).expand_as(frames.x_BTD)).masked_fill(source_BT1 < 0, 0.0)
    return frames.with_x(x_BTD), masked_BT.to(frames.device)


def _blocks(length: int, *, count: int, width: int, generator: torch.Generator) -> Tensor:
    """(count x width,) frame numbers of ``count`` blocks with different beginnings, as many as there are."""
    starts = torch.randperm(max(length - width, 1), generator=generator)[:count]
    return (starts[:, None] + torch.arange(width)).flatten()


def spans(
    lengths_B: Tensor, generators: Sequence[torch.Generator], *, share: float, width: int, channels: int = 1
) -> Tensor:
    """(B, T, channels) booleans, true in spans that begin anywhere, each channel of each utterance by itself.

    A span begins at a frame with probability 1 - (1 - share)^(1 / width), also at those before the first, so that every
    frame is in one with probability ``share``. Spans may overlap. An utterance that would have none gets one.

    Args:
        generators: one per utterance, on the CPU.
        share: probability that a frame is in a span, in [0, 1).
        width: of a span, in frames.
    """
    begins = 1 - (1 - share) ** (1 / width)
    lengths = lengths_B.tolist()
    masked_BTC = torch.zeros(len(lengths), max(lengths, default=0), channels, dtype=torch.bool)
    for b, (length, generator) in enumerate(zip(lengths, generators, strict=True)):
        drawn_SC = torch.rand(length + width - 1, channels, generator=generator) < begins
        if length and not drawn_SC.any():
            drawn_SC[torch.randint(len(drawn_SC), (), generator=generator)] = True
        count_SC = torch.cat([drawn_SC.new_zeros(1, channels), drawn_SC]).cumsum(0)
        masked_BTC[b, :length] = count_SC[width:] > count_SC[:-width]
    return masked_BTC.to(lengths_B.device)


def alter_frequency(
    frames: Frames, generators: Sequence[torch.Generator], *, share: float, shortest: int
) -> tuple[Frames, Tensor]:
    """One band of adjacent channels set to zero through each utterance.

    Args:
        frames: (B, T, D).
        generators: one per utterance, on the CPU.
        share: the widest band is int(share D) channels; widths are drawn uniformly from 0 up to it, then the place.
        shortest: frames below which an utterance is left alone.

    Returns:
        the altered frames, and (B, D) booleans, true in the band.
    """
    D = frames.dim
    masked_BD = torch.zeros(len(generators), D, dtype=torch.bool)
    for b, (length, generator) in enumerate(zip(frames.lengths_B.tolist(), generators, strict=True)):
        width = int(torch.randint(int(share * D) + 1, (), generator=generator))
        first = int(torch.randint(D - width + 1, (), generator=generator))
        if length >= shortest:
            masked_BD[b, first : first + width] = True
    masked_BD = masked_BD.to(frames.device)
    return frames.with_x(frames.x_BTD.masked_fill(masked_BD[:, None, :], 0.0)), masked_BD


def alter_magnitude(
    frames: Frames, generators: Sequence[torch.Generator], *, probability: float, deviation: float
) -> Frames:
    """Gaussian noise of this standard deviation on every element of an utterance, with this ``probability``."""
    x_BTD = frames.x_BTD
    noise_BTD = torch.zeros(x_BTD.shape)
    for b, (length, generator) in enumerate(zip(frames.lengths_B.tolist(), generators, strict=True)):
        if float(torch.rand((), generator=generator)) < probability:
            noise_BTD[b, :length] = deviation * torch.randn(length, frames.dim, generator=generator)
    return frames.with_x(x_BTD + noise_BTD.to(x_BTD.dtype).to(x_BTD.device))


def masked_error(
    prediction_BTD: Tensor, target: Frames, masked_BTD: Tensor, *, norm: Literal["absolute", "square"]
) -> tuple[Tensor, Tensor]:
    """Mean error over the masked elements, and how many they are.

    Args:
        prediction_BTD: (B, T, D).
        target: (B, T, D), through which no gradient flows; its padding never counts.
        masked_BTD: true where an element counts, of a shape that broadcasts to (B, T, D).
        norm: ``absolute`` |p - x|, ``square`` (p - x)^2.

    Returns:
        scalar in float32, 0 when nothing counts; number of elements.
    """
    counted_BTD = masked_BTD & mask_of(target.lengths_B, target.x_BTD.shape[1])[:, :, None]
    counted_BTD = counted_BTD.expand_as(target.x_BTD)
    difference_BTD = (prediction_BTD.float() - target.x_BTD.detach().float()).masked_fill(~counted_BTD, 0.0)
    error_BTD = difference_BTD.abs() if norm == "absolute" else difference_BTD.square()
    count = counted_BTD.sum()
    return error_BTD.sum() / count.clamp(min=1), count
