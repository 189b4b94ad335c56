"""Which phone is being said? One decision per frame, from the times of phones in the manifest.

A frame belongs to the phone that its centre lies in; frames in silence or noise are not scored. As the frame-level
phone classification of CPC (van den Oord et al. 2018, arXiv:1807.03748, Sec. 3.1) and of s3prl's ``phone_linear``.

Letters: B utterances, T frames, D dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, require
from ...data.alignments import is_speech
from ...data.manifest import Segment, Utterance
from ._config import ProbeConfig, option
from ._task import Example, Probe, Projected

UNSCORED = -1


@dataclass(frozen=True)
class Config(ProbeConfig):
    """Defaults for corpora of an hour; a linear head."""

    project: int = 0
    lr: float = 3e-3
    batch_size: int = 8
    margin: float = option(0.0, "frames nearer than this to a border of their phone are not scored, in seconds")

    def __post_init__(self):
        super().__post_init__()
        require(self.margin >= 0, f"margin must not be negative, got {self.margin}")


SUPERB = {
    "steps": 100_000,
    "batch_size": 32,
    "eval_every": 1000,
    "patience": 0,
}  # as phone-ctc; SUPERB has no such task


class Task(Probe):
    """A linear layer on every frame."""

    timed = True

    def __init__(self, cfg: Config):
        super().__init__(cfg)
        self.phones: list[str] = []
        self.number: dict[str, int] = {}
        self.targets: dict[int, tuple[list[Segment], Tensor]] = {}  # by the identity of a label, which it keeps alive
        self.geometry: FrameGeometry | None = None

    @property
    def wanted(self) -> str:
        return "times of phones (a recipe that reads alignments, such as sonant prepare librispeech --alignments DIR)"

    def label(self, utterance: Utterance) -> list[Segment] | None:
        return [segment for segment in utterance.phones or () if is_speech(segment[0])] or None

    def learn(self, labels: Sequence[list[Segment]]) -> dict[str, Any]:
        self.phones = sorted({phone for segments in labels for phone, _, _ in segments})
        self.number, self.targets = {phone: i for i, phone in enumerate(self.phones)}, {}
        return {"classes": len(self.phones)}

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        self.geometry = geometry
        return Projected(in_dim, self.cfg.project, lambda dim: FrameClasses(dim, len(self.phones)))

    def loss(self, output: Frames, labels: Sequence[list[Segment]]) -> Tensor:
        """Mean cross-entropy over the scored frames of the batch."""
        target_BT = torch.full(output.x_BTD.shape[:2], UNSCORED)
        for row_T, label, length in zip(target_BT, labels, output.lengths_B.tolist(), strict=True):
            row_T[:length] = self._target(label, length)
        target_BT = target_BT.to(output.device)
        flat, target = output.x_BTD.flatten(0, 1), target_BT.flatten()
        total = F.cross_entropy(flat, target, ignore_index=UNSCORED, reduction="sum")
        return total / (target != UNSCORED).sum().clamp(min=1)

    def decide(self, output: Frames) -> list[Tensor]:
        return [x_TC.argmax(1).cpu() for x_TC in output.unpad()]

    def score(self, decisions: Sequence[Tensor], examples: Sequence[Example]) -> dict[str, float]:
        """Share of frames that are right, and the mean of this share over the phones that occur."""
        said, meant = [], []
        for decided_T, example in zip(decisions, examples, strict=True):
            target_T = self._target(example.label, len(decided_T))
            said.append(decided_T[target_T != UNSCORED])
            meant.append(target_T[target_T != UNSCORED])
        said_N, meant_N = torch.cat(said).numpy(), torch.cat(meant).numpy()
        require(len(meant_N), "no frame of the test utterances lies in a phone (is the margin too wide?)")
        right_N, count_C = said_N == meant_N, np.bincount(meant_N)
        hits_C = np.bincount(meant_N, weights=right_N)
        there_C = count_C > 0
        return {
            "accuracy": float(right_N.mean()),
            "balanced_accuracy": float((hits_C[there_C] / count_C[there_C]).mean()),
        }

    def chance(self, examples: Sequence[Example]) -> float:
        """Share of the time that the commonest phone takes."""
        seconds: Counter[str] = Counter()
        for example in examples:
            for phone, onset, offset in example.label:
                seconds[phone] += offset - onset
        return seconds.most_common(1)[0][1] / seconds.total()

    def _target(self, segments: list[Segment], frames: int) -> Tensor:
        """(T,) number of the phone of each frame, or UNSCORED; kept for each utterance, 2 bytes a frame."""
        _, known_T = self.targets.get(id(segments), (segments, None))
        if known_T is None or len(known_T) != frames:
            other = len(self.phones)  # for phones that training never shows
            numbered = [(self.number.get(phone, other), onset, offset) for phone, onset, offset in segments]
            found_T = frame_labels(numbered, frames, self.geometry, margin=self.cfg.margin)
            known_T = torch.from_numpy(found_T.astype(np.int16))
            self.targets[id(segments)] = (segments, known_T)
        return known_T.long()


def frame_labels(
    segments: Sequence[tuple[int, float, float]], frames: int, geometry: FrameGeometry, *, margin: float = 0.0
) -> np.ndarray:
    """(T,) number of the segment [onset, offset) that the centre of each frame lies in, -1 outside of all.

    Args:
        segments: (number, onset, offset) in seconds, in order and without overlap.
        frames: T.
        geometry: of the frames.
        margin: seconds at both ends of a segment that count as outside.
    """
    number_S, onset_S, offset_S = (np.array(column) for column in zip(*segments, strict=True))
    time_T = geometry.time_of(np.arange(frames))
    place_T = np.searchsorted(onset_S, time_T, side="right") - 1
    inside_T = (place_T >= 0) & (time_T < offset_S[place_T] - margin) & (time_T >= onset_S[place_T] + margin)
    return np.where(inside_T, number_S[place_T], UNSCORED).astype(np.int64)


class FrameClasses(nn.Module):
    """Frames (B, T, D) -> frames (B, T, classes)."""

    def __init__(self, dim: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(dim, classes)

    def forward(self, frames: Frames) -> Frames:
        return frames.with_x(self.linear(frames.x_BTD))
