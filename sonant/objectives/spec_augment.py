"""SpecAugment: features warped and hidden in time, hidden in bands of channels.

Park et al. 2019 (arXiv:1904.08779), Sec. 2; masks in number and width by the length of the utterance as in Park et al.
2020 (arXiv:1912.05533), Sec. 3. Features are expected with mean 0, which is what hidden places get.

Every draw belongs to one utterance, from a generator of its own and from its own length, so that neither padding nor
the batch changes it, and padding is never touched.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core import Frames, require


@dataclass(frozen=True)
class SpecAugment:
    """How much is altered. Defaults: the ASR benchmark of Robertson and Dunbar 2023 (arXiv:2312.01515).

    Attributes:
        time_warp: W, frames by which a place is moved at most; utterances of up to 2 W frames are not warped.
        time_masks: stretches of time, at most, and at most ``time_share`` of the number of frames.
        time_width: frames of such a stretch at most, and at most ``time_share`` of all.
        time_share: in [0, 1].
        channel_masks: bands of channels.
        channel_width: channels of a band at most.
    """

    time_warp: int = 80
    time_masks: int = 20
    time_width: int = 100
    time_share: float = 0.04
    channel_masks: int = 2
    channel_width: int = 27

    def __post_init__(self):
        counts = (self.time_warp, self.time_masks, self.time_width, self.channel_masks, self.channel_width)
        require(min(counts) >= 0, f"numbers and widths of SpecAugment must not be negative, got {self}")
        require(0 <= self.time_share <= 1, f"time_share of SpecAugment must be in [0, 1], got {self.time_share}")


def spec_augment(frames: Frames, generators: Sequence[torch.Generator], how: SpecAugment) -> Frames:
    """Frames of the same lengths, warped and masked.

    Args:
        frames: (B, T, D).
        generators: one per utterance, on the CPU.
    """
    x_BTD = frames.x_BTD.clone()
    for x_TD, length, generator in zip(x_BTD, frames.lengths_B.tolist(), generators, strict=True):
        x_TD = x_TD[:length]
        if how.time_warp and length > 2 * how.time_warp:
            x_TD.copy_(_warped(x_TD, how.time_warp, generator))
        for _ in range(min(how.time_masks, int(how.time_share * length))):
            _hide(x_TD, min(how.time_width, int(how.time_share * length)), generator)
        for _ in range(how.channel_masks):
            _hide(x_TD.T, min(how.channel_width, x_TD.shape[1]), generator)
    return frames.with_x(x_BTD)


def _warped(x_TD: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """A frame between ``most`` and T - ``most`` moves by up to ``most``; both sides are stretched to fit, linearly."""
    T = len(x_TD)
    centre = _draw(most, T - most, generator)
    moved = min(max(centre + _draw(-most, most, generator), 1), T - 2)
    place_T = torch.arange(T, dtype=torch.float64)
    after = (T - 1 - centre) / (T - 1 - moved)
    source_T = torch.where(place_T <= moved, place_T * centre / moved, centre + (place_T - moved) * after)
    low_T = source_T.floor().long().clamp(0, T - 1)
    share_T1 = (source_T - low_T)[:, None].to(x_TD)
    low_T, high_T = low_T.to(x_TD.device), (low_T + 1).clamp(max=T - 1).to(x_TD.device)
    return x_TD[low_T] * (1 - share_T1) + x_TD[high_T] * share_T1


def _hide(x: Tensor, widest: int, generator: torch.Generator) -> None:
    """Set a stretch of 0 to ``widest`` entries of the first dimension to 0."""
    width = _draw(0, widest, generator)
    first = _draw(0, len(x) - width, generator)
    x[first : first + width] = 0.0


def _draw(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))
