"""What a training step sees.

Letters: B examples, C channels, L samples, T frames, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .frames import Frames
from .geometry import FrameGeometry
from .seeding import generator


@dataclass(frozen=True)
class Batch:
    """Examples of one training step, padded on the right, with what a method asked for.

    Attributes:
        wave_BL: (B, L) waveforms in [-1, 1]; (B, C, L) for multi-channel views; (B, T, D) where ``geometry`` is given.
        lengths_B: (B,) samples that are real, or frames.
        sample_rate: in Hz.
        ids: name of each example, for messages.
        seeds: one integer per example, a function of (run seed, step, position in the global batch):
            the root of every random draw that belongs to the example.
        speaker_B: (B,) speaker numbers, -1 where unknown; None when the data has no speakers.
        geometry: of frames that were computed before, in place of waveforms; None: these are waveforms.
        other: the partner of each example (another token of the same word); None for views without pairs.
        extras: tensors of special views by name (``views``, ``activity_BTC``, ``units_BT``); beside ``other``
            ``word_B``, equal numbers for pairs of equal words.
    """

    wave_BL: Tensor
    lengths_B: Tensor
    sample_rate: int
    ids: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    speaker_B: Tensor | None = None
    geometry: FrameGeometry | None = None
    other: Batch | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.wave_BL.shape[0]

    @property
    def seconds(self) -> float:
        """Audio in the batch, without padding and partners."""
        hop = 1 if self.geometry is None else self.geometry.hop
        return float(self.lengths_B.sum()) * hop / self.sample_rate

    def frames(self) -> Frames:
        """The waveforms as frames of one sample, or the frames that were given in their place."""
        if self.geometry is not None:
            return Frames(self.wave_BL, self.lengths_B, self.geometry).masked()
        return Frames.of_wave(self.wave_BL, self.lengths_B, self.sample_rate)

    def generator(self, example: int, purpose: str) -> torch.Generator:
        """A CPU generator for one example and purpose; equal however the batch is split over processes."""
        return generator(self.seeds[example] if self.seeds else example, purpose)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch with every tensor on ``device``."""

        def move(value):
            return value.to(device, non_blocking=True) if isinstance(value, Tensor) else value

        return replace(
            self,
            wave_BL=move(self.wave_BL),
            lengths_B=move(self.lengths_B),
            speaker_B=move(self.speaker_B),
            other=None if self.other is None else self.other.to(device),
            extras={name: move(value) for name, value in self.extras.items()},
        )

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory (called by the data loader)."""
        other = None if self.other is None else self.other.pin_memory()
        extras = {name: x.pin_memory() if isinstance(x, Tensor) else x for name, x in self.extras.items()}
        return replace(
            self, wave_BL=self.wave_BL.pin_memory(), lengths_B=self.lengths_B.pin_memory(), other=other, extras=extras
        )
