"""SPC, sequence predicting coding: a stretch of the future told from a stretch of the past, given a frame of now.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2. The places are drawn once for a batch, N = ``frames`` long:

    pase     PASE's code, gap G = 16:  now t from N + G + 1, future from t + G on and past up to t - G, both as far away
             as there is room
    recipe   SpeechBrain's recipe, G = 15:  now t from 2 G, the future's last frame from t + G on and less than 50
             frames away, the past's last frame before t - G and no more than 50 frames away

Letters: B utterances, T frames, N frames of a stretch, D channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import FrameGeometry, LossOut, require
from sonant.nn.prelu_mlp import PReLUMLP

from ._worker import Seen, WorkerConfig
from ._worker import Worker as BaseWorker

FARTHEST = 50  # frames, of the recipe


@dataclass(frozen=True)
class Config(WorkerConfig):
    """Settings of the task."""

    hidden: int = 256
    layers: int = 1
    dropout: float = 0.0
    frames: int = 5  # N
    gap: int | None = None  # G, frames between now and either stretch; null: that of ``places``
    places: Literal["pase", "recipe"] = "pase"  # how stretches are drawn, and in which order they are flattened

    def __post_init__(self):
        super().__post_init__()
        require(self.frames >= 1, f"spc: frames must be at least 1, got {self.frames}")
        require(self.gap is None or self.gap >= 1, f"spc: gap must be at least 1 or null, got {self.gap}")
        require(self.hidden >= 1 and self.layers >= 0, f"spc: hidden must be at least 1 and layers 0, got {self}")
        require(0 <= self.dropout < 1, f"spc: dropout must lie in [0, 1), got {self.dropout}")


class Worker(BaseWorker):
    """A discriminator of (now, future) and (now, past), trained by binary cross-entropy: log 2 for knowing nothing."""

    parts = ("acc",)

    def __init__(self, cfg: Config, *, source: FrameGeometry, geometry: FrameGeometry, in_dim: int):
        super().__init__(cfg)
        self.head = PReLUMLP((1 + cfg.frames) * in_dim, 1, hidden=cfg.hidden, layers=cfg.layers, dropout=cfg.dropout)

    def loss(self, seen: Seen) -> LossOut:
        """Mean over both kinds of pairs; parts: acc, the share of pairs on the right side of 0."""
        return self.loss_at(seen.anchor.x_BTD, *self.draw(seen.shortest, seen.draw))

    def loss_at(self, x_BTD: Tensor, now: int, future: int, past: int) -> LossOut:
        """The loss with the frame ``now``, a stretch that begins at ``future`` and one that ends before ``past``."""
        N = self.cfg.frames
        stretches = (x_BTD[:, future : future + N], x_BTD[:, past - N : past])
        pairs = [torch.cat([x_BTD[:, now], self._flat(x_BND)], dim=1) for x_BND in stretches]
        score_2B = self.head(torch.stack(pairs))[..., 0]
        wrong_2B = score_2B.to(torch.promote_types(score_2B.dtype, torch.float32)) * score_2B.new_tensor([[-1], [1]])
        return LossOut(F.softplus(wrong_2B).mean(), {"acc": (wrong_2B < 0).double().mean()})

    def _flat(self, x_BND: Tensor) -> Tensor:
        """(B, N D): by channels in PASE's code, by frames in the recipe."""
        return (x_BND.transpose(1, 2) if self.cfg.places == "pase" else x_BND).flatten(1)

    def ranges(self, frames: int, now: int | None = None) -> tuple[tuple[int, int], ...]:
        """First and last but one choice of now, and given now of the begin of future and the end of past."""
        N, pase = self.cfg.frames, self.cfg.places == "pase"
        gap = self.cfg.gap or (16 if pase else 15)
        margin = gap + N if pase else 2 * gap
        nows = (margin + pase, frames - margin)
        now = nows[0] if now is None else now
        if pase:
            return nows, (now + gap, frames - N), (N, now - gap)
        lasts = (now + gap, min(frames - N, now + FARTHEST)), (max(N, now - FARTHEST), now - gap)  # frames of stretches
        return nows, tuple(last - N + 1 for last in lasts[0]), tuple(last + 1 for last in lasts[1])

    def draw(self, frames: int, generator: torch.Generator) -> tuple[int, int, int]:
        """(now, first frame of the future, frame after the past) for sequences of ``frames`` frames."""
        (first, end), *_ = self.ranges(frames)
        require(
            end > first,
            f"spc: chunks of {frames} frames have no room for stretches of {self.cfg.frames} frames before and after: "
            "lengthen data.chunk_seconds, or lower the gap of the worker",
        )
        now = _between(first, end, generator)
        _, future, past = self.ranges(frames, now)
        return now, _between(*future, generator), _between(*past, generator)


def _between(first: int, end: int, generator: torch.Generator) -> int:
    return int(torch.randint(first, end, (), generator=generator))
