"""LIM, local info max: frames of one utterance told from frames of two.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2; PASE+ adds the pairs the other way round (``augment``).
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import Frames

from ._pairs import Pairs, PairsConfig


@dataclass(frozen=True)
class Config(PairsConfig):
    """Settings of the discriminator."""


class Worker(Pairs):
    """Every frame of a chunk with the frame of the same number of the other."""

    def prepared(self, frames: Frames) -> Frames:
        return frames
