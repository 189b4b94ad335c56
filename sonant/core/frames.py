"""Padded sequences of frames with their lengths and their place in time.

Letters: B utterances, L samples, T frames, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .errors import require
from .geometry import FrameGeometry


def mask_of(lengths_B: Tensor, size: int) -> Tensor:
    """(B,) lengths -> (B, size) booleans, true inside each length."""
    return torch.arange(size, device=lengths_B.device) < lengths_B[:, None]


@dataclass(frozen=True)
class Frames:
    """A batch of frame sequences: ``x_BTD`` is zero past each of ``lengths_B``.

    A waveform is the special case of one sample a frame: D = 1, hop 1 (``Frames.of_wave``).
    """

    x_BTD: Tensor
    lengths_B: Tensor
    geometry: FrameGeometry

    @classmethod
    def of_wave(cls, wave_BL: Tensor, lengths_B: Tensor | None, sample_rate: int) -> Frames:
        """(B, L) waveforms in [-1, 1] as frames of one sample; ``lengths_B=None``: none is padded."""
        require(wave_BL.dim() == 2, f"waveforms must be (B, L), got shape {tuple(wave_BL.shape)}")
        if lengths_B is None:
            lengths_B = torch.full((wave_BL.shape[0],), wave_BL.shape[1], device=wave_BL.device)
        frames = cls(wave_BL[:, :, None], lengths_B.to(wave_BL.device), FrameGeometry(sample_rate))
        return frames.masked()

    @property
    def mask_BT(self) -> Tensor:
        """(B, T) booleans, true where a frame is real."""
        return mask_of(self.lengths_B, self.x_BTD.shape[1])

    @property
    def dim(self) -> int:
        return self.x_BTD.shape[2]

    @property
    def device(self) -> torch.device:
        return self.x_BTD.device

    def masked(self) -> Frames:
        """The same frames with exact zeros past each length."""
        if bool((self.lengths_B >= self.x_BTD.shape[1]).all()):
            return self
        return replace(self, x_BTD=self.x_BTD.masked_fill(~self.mask_BT[:, :, None], 0.0))

    def with_x(self, x_BTD: Tensor) -> Frames:
        """The same lengths and geometry around other values of the same length in time."""
        return replace(self, x_BTD=x_BTD)

    def windows(self, size: int, first_B: Tensor) -> tuple[Frames, Tensor]:
        """Cut every sequence into windows of ``size`` frames side by side, dropping what is left over at both ends.

        Args:
            size: frames of a window, W. A sequence shorter than that is one shorter window.
            first_B: (B,) frame at which the first window of each sequence begins, moved to where it fits.

        Returns:
            Frames (N, W, D), and (N,) which sequence each window is from.
        """
        first_B = torch.minimum(first_B.to(self.device), (self.lengths_B - size).clamp(min=0))
        counts_B = ((self.lengths_B - first_B) // size).clamp(min=1)
        owner_N = torch.arange(len(counts_B), device=self.device).repeat_interleave(counts_B)
        number_N = torch.arange(len(owner_N), device=self.device) - (counts_B.cumsum(0) - counts_B)[owner_N]
        place_NW = (first_B[owner_N] + number_N * size)[:, None] + torch.arange(size, device=self.device)
        lengths_N = self.lengths_B[owner_N].clamp(max=size)
        x_NWD = self.x_BTD[owner_N[:, None], place_NW.clamp(max=self.x_BTD.shape[1] - 1)]
        return Frames(x_NWD, lengths_N, self.geometry).masked(), owner_N

    def without_first(self, count: int) -> Frames:
        """Every sequence without its first ``count`` frames."""
        lengths_B = (self.lengths_B - count).clamp(min=0)
        geometry = replace(self.geometry, offset=self.geometry.offset + count * self.geometry.hop)
        return Frames(self.x_BTD[:, count:], lengths_B, geometry)

    def averaged(self, size: int) -> Frames:
        """Means of ``size`` frames side by side; what is left over at the end is dropped."""
        B, T, D = self.x_BTD.shape
        mean_BTD = self.x_BTD[:, : T // size * size].reshape(B, T // size, size, D).mean(2)
        return Frames(mean_BTD, self.lengths_B // size, self.geometry.stack(kernel=size, stride=size)).masked()

    def reversed(self) -> Frames:
        """Every sequence from its last frame to its first; padding stays behind."""
        T = self.x_BTD.shape[1]
        place_BT = self.lengths_B[:, None] - 1 - torch.arange(T, device=self.device)
        x_BTD = self.x_BTD.gather(1, place_BT.clamp(min=0)[:, :, None].expand_as(self.x_BTD))
        return replace(self, x_BTD=x_BTD).masked()

    def unpad(self) -> list[Tensor]:
        """One (T_b, D) tensor per utterance, without its padding."""
        return [x[:n] for x, n in zip(self.x_BTD, self.lengths_B.tolist(), strict=True)]
