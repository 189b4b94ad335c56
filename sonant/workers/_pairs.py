"""What LIM and GIM share: a chunk of the same utterance told from a chunk of another.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2; Ravanelli and Bengio 2019 (arXiv:1812.00271), Eq. 5.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import FrameGeometry, Frames, LossOut, require
from sonant.nn.prelu_mlp import PReLUMLP

from ._worker import Seen, Worker, WorkerConfig, mean_over_real


@dataclass(frozen=True)
class PairsConfig(WorkerConfig):
    """Settings of the discriminator."""

    hidden: int = 256
    layers: int = 1
    dropout: float = 0.0
    augment: bool = False  # pairs the other way round as well: context and chunk, context and other (PASE+)

    def __post_init__(self):
        super().__post_init__()
        require(self.hidden >= 1 and self.layers >= 0, f"hidden must be at least 1 and layers 0, got {self}")
        require(0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}")


class Pairs(Worker):
    """A discriminator of pairs, trained by binary cross-entropy: log 2 for knowing nothing."""

    compares = True
    parts = ("acc",)

    def __init__(self, cfg: PairsConfig, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        super().__init__(cfg)
        self.head = PReLUMLP(2 * in_dim, 1, hidden=cfg.hidden, layers=cfg.layers, dropout=cfg.dropout)

    def prepared(self, frames: Frames) -> Frames:
        """What of the frames is compared."""
        raise TypeError(f"{type(self).__name__} defines no prepared")

    def loss(self, seen: Seen) -> LossOut:
        """Mean over both kinds of pairs; parts: acc, the share of pairs on the right side of 0."""
        chunk, context, other = (self.prepared(frames) for frames in (seen.anchor, seen.context, seen.other))
        positives, negatives = [(chunk, context)], [(chunk, other)]
        if self.cfg.augment:
            positives, negatives = [*positives, (context, chunk)], [*negatives, (context, other)]
        found = [self._error(*pair, sign=-1) for pair in positives] + [self._error(*pair, sign=1) for pair in negatives]
        losses, hits = zip(*found, strict=True)
        return LossOut(torch.stack(losses).mean(), {"acc": torch.stack(hits).mean()})

    def _error(self, first: Frames, second: Frames, *, sign: int) -> tuple[Tensor, Tensor]:
        """Cross-entropy of pairs whose score should be below 0 (``sign`` 1) or above (-1), and the share that is."""
        T = min(first.x_BTD.shape[1], second.x_BTD.shape[1])
        pair_BTD = torch.cat([first.x_BTD[:, :T], second.x_BTD[:, :T]], dim=-1)
        wrong_BT = sign * _full(self.head(pair_BTD))
        lengths_B = torch.minimum(first.lengths_B, second.lengths_B)
        return mean_over_real(F.softplus(wrong_BT), lengths_B), mean_over_real((wrong_BT < 0).float(), lengths_B)


def _full(score_BT1: Tensor) -> Tensor:
    """(B, T) scores, in float32 at least."""
    return score_BT1[..., 0].to(torch.promote_types(score_BT1.dtype, torch.float32))
