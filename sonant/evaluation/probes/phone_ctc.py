"""Which phones are said, without their times: phone error rate of a linear CTC head (SUPERB: PR).

Yang et al. 2021 (arXiv:2105.01051), Sec. 3; SUPERB projects the frames to 256 and trains for 100 000 steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ...core import FrameGeometry, Frames
from ...data.alignments import is_speech
from ...data.manifest import Utterance
from ..edit_distance import error_rate
from ._ctc import CtcConfig, Transcripts, stacked
from ._task import Example, Projected


@dataclass(frozen=True)
class Config(CtcConfig):
    """Defaults for corpora of an hour."""


SUPERB = {"steps": 100_000, "batch_size": 32, "lr": 1e-2, "eval_every": 2000, "patience": 0, "frame_rate": None}


class Task(Transcripts):
    """A projection and a linear layer on every frame."""

    figure = "per"

    @property
    def wanted(self) -> str:
        return "phones (a recipe that reads alignments, such as sonant prepare librispeech --alignments DIR)"

    def label(self, utterance: Utterance) -> list[str] | None:
        return [phone for phone, _, _ in utterance.phones or () if is_speech(phone)] or None

    def reader(self, in_dim: int, outputs: int, geometry: FrameGeometry) -> nn.Module:
        count = self.cfg.stack(geometry.rate)
        return Projected(in_dim, self.cfg.project, lambda dim: StackedClasses(dim, outputs, count=count))

    def score(self, decisions: Sequence[list[str]], examples: Sequence[Example]) -> dict[str, float]:
        """Phone error rate: edits by phones of the reference."""
        return {"per": error_rate([example.label for example in examples], decisions)}


class StackedClasses(nn.Module):
    """Frames (B, T, D) -> frames (B, T // count, outputs): neighbours side by side, then a linear layer."""

    def __init__(self, dim: int, outputs: int, *, count: int):
        super().__init__()
        self.count, self.linear = count, nn.Linear(count * dim, outputs)

    def forward(self, frames: Frames) -> Frames:
        frames = stacked(frames, self.count)
        return frames.with_x(self.linear(frames.x_BTD))
