"""GIM, global info max: the mean over a chunk told from the mean over a chunk of another utterance.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2, after Hjelm et al. 2019 (arXiv:1808.06670); PASE+ adds the pairs the
other way round (``augment``).

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sonant.core import Frames

from ._pairs import Pairs, PairsConfig


@dataclass(frozen=True)
class Config(PairsConfig):
    """Settings of the discriminator."""


class Worker(Pairs):
    """The mean over a chunk's real frames with that over the other's."""

    def prepared(self, frames: Frames) -> Frames:
        mean_B1D = frames.masked().x_BTD.sum(1, keepdim=True) / frames.lengths_B.clamp(min=1)[:, None, None]
        return Frames(mean_B1D, torch.ones_like(frames.lengths_B), frames.geometry)
