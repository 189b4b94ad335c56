"""Sequences of symbols without their times: connectionist temporal classification, read off greedily.

Graves et al. 2006, "Connectionist temporal classification", equations 14 and 16 (best path decoding).

Letters: B utterances, T frames, D dimensions, C symbols and the blank, which is number 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, require
from ._config import ProbeConfig, option
from ._task import Probe


@dataclass(frozen=True)
class CtcConfig(ProbeConfig):
    """A probe of transcripts."""

    lr: float = 1e-2
    frame_rate: float | None = option(50.0, "frames are stacked down to about this rate in Hz; null: not")

    def __post_init__(self):
        super().__post_init__()
        require(self.frame_rate is None or self.frame_rate > 0, f"frame_rate must be positive, got {self.frame_rate}")

    def stack(self, rate: float) -> int:
        """How many frames of this rate (Hz) make one."""
        return 1 if self.frame_rate is None else max(1, round(rate / self.frame_rate))


class Transcripts(Probe):
    """Writes down an utterance. Subclasses give its symbols (``label``) and the head (``reader``)."""

    lower = True
    timed = True  # crops have no transcript

    def __init__(self, cfg: CtcConfig):
        super().__init__(cfg)
        self.symbols: list[str] = []

    def learn(self, labels: Sequence[Sequence[str]]) -> dict[str, Any]:
        self.symbols = sorted({symbol for label in labels for symbol in label})
        return {"classes": len(self.symbols)}

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        return self.reader(in_dim, len(self.symbols) + 1, geometry)

    def reader(self, in_dim: int, outputs: int, geometry: FrameGeometry) -> nn.Module:
        """Frames (B, T, in_dim) -> frames (B, T', outputs)."""
        raise TypeError(f"{type(self).__name__} defines no reader")

    def loss(self, output: Frames, labels: Sequence[Sequence[str]]) -> Tensor:
        """-log p(symbols) of an utterance by their number, averaged; too few frames for the symbols count nothing."""
        number = {symbol: i for i, symbol in enumerate(self.symbols, start=1)}
        targets = [torch.tensor([number[symbol] for symbol in label]) for label in labels]
        log_TBC = F.log_softmax(output.x_BTD.float(), dim=-1).transpose(0, 1)
        sizes_B = torch.tensor([len(target) for target in targets])
        return F.ctc_loss(
            log_TBC, torch.cat(targets).to(log_TBC.device), output.lengths_B.cpu(), sizes_B, zero_infinity=True
        )

    def decide(self, output: Frames) -> list[list[str]]:
        return [self.read(x_TC.argmax(1).tolist()) for x_TC in output.unpad()]

    def read(self, best_T: Sequence[int]) -> list[str]:
        """The best path without repetitions and blanks."""
        changed = [now for before, now in zip([0, *best_T], best_T, strict=False) if now != before]
        return [self.symbols[number - 1] for number in changed if number]


def stacked(frames: Frames, count: int) -> Frames:
    """(B, T, D) -> (B, T // count, count D): neighbouring frames side by side; what is left over at the end goes."""
    if count == 1:
        return frames
    B, T, D = frames.x_BTD.shape
    x_BTD = frames.x_BTD[:, : T - T % count].reshape(B, T // count, count * D)
    return Frames(x_BTD, frames.lengths_B // count, frames.geometry.stack(kernel=count, stride=count)).masked()
