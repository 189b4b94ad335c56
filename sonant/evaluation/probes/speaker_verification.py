"""Are two utterances by one speaker? Equal error rate of the cosine of x-vectors (SUPERB: ASV).

Yang et al. 2021 (arXiv:2105.01051), Sec. 3: the head learns to tell the speakers of the training manifest with additive
margins; its vectors are compared for speakers that it never heard.

Letters: B utterances, D dimensions, C training speakers, P trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, require
from ...data.alignments import read_rows
from ...data.manifest import Utterance
from ...nn.xvector import XVector
from ...objectives.am_softmax import am_softmax
from ..equal_error import equal_error_rate
from ._config import ProbeConfig, option
from ._task import Example, Probe, Projected

Trial = tuple[bool, str, str]  # same speaker, first and second utterance


@dataclass(frozen=True)
class Config(ProbeConfig):
    """Defaults for corpora of an hour."""

    lr: float = 1e-3
    dim: int = option(128, "of the vector and of the head's layers")
    pool_dim: int = option(256, "channels that are pooled over time")
    crop_seconds: float | None = 3.0
    trials: str | None = option(None, "lines 'label first second', label 1: same speaker (default: all test pairs)")


SUPERB = {
    "steps": 200_000, "batch_size": 50, "lr": 1e-4, "eval_every": 5000, "patience": 0, "project": 512, "dim": 512,
    "pool_dim": 1500, "crop_seconds": 8.0,
}  # fmt: skip


class Task(Probe):
    """Time-delay layers with statistics pooling."""

    figure, lower = "eer", True

    def __init__(self, cfg: Config):
        super().__init__(cfg)
        self.speakers: list[str] = []
        self.trained: SpeakerHead | None = None
        self.trials = None if cfg.trials is None else read_trials(cfg.trials)
        self.test: Sequence[Example] = ()

    @property
    def wanted(self) -> str:
        return "speakers"

    def label(self, utterance: Utterance) -> str | None:
        return utterance.speaker

    def learn(self, labels: Sequence[str]) -> dict[str, Any]:
        self.speakers = sorted(set(labels))
        require(len(self.speakers) > 1, "the training manifest needs two speakers or more")
        return {"classes": len(self.speakers)}

    def check(self, examples: Sequence[Example]) -> None:
        self.test = examples
        kinds = {same for same, _, _ in self._trials(examples)}
        require(len(kinds) == 2, "the test manifest needs pairs of one speaker and pairs of two")

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        self.trained = SpeakerHead(self.cfg, in_dim=in_dim, speakers=len(self.speakers))
        return self.trained

    def loss(self, output: Tensor, labels: Sequence[str]) -> Tensor:
        class_B = torch.tensor([self.speakers.index(label) for label in labels], device=output.device)
        return am_softmax(output, self.trained.classes_CD, class_B)

    def decide(self, output: Tensor) -> list[Tensor]:
        return list(F.normalize(output, dim=1).cpu())

    def score(self, decisions: Sequence[Tensor], examples: Sequence[Example]) -> dict[str, float]:
        """Equal error rate of the cosine over the trials; nothing where the pairs are all of one kind."""
        vectors = {example.utterance.id: vector for example, vector in zip(examples, decisions, strict=True)}
        trials = self._trials(examples)
        same_P = np.array([same for same, _, _ in trials], bool)
        if same_P.all() or not same_P.any():
            return {}
        score_P = [float(vectors[first] @ vectors[second]) for _, first, second in trials]
        return {"eer": equal_error_rate(np.array(score_P), same_P)}

    def _trials(self, examples: Sequence[Example]) -> list[Trial]:
        """The list's for the test utterances; all pairs for the held-out ones, and where there is no list."""
        if self.trials is None or examples is not self.test:
            return [(a.label == b.label, a.utterance.id, b.utterance.id) for a, b in combinations(examples, 2)]
        known = {example.utterance.id for example in examples}
        return [(same, _spelt(first, known), _spelt(second, known)) for same, first, second in self.trials]


class SpeakerHead(nn.Module):
    """Frames (B, T, in_dim) -> (B, D); beside it one vector per training speaker."""

    def __init__(self, cfg: Config, *, in_dim: int, speakers: int):
        super().__init__()
        self.vector = Projected(in_dim, cfg.project, lambda dim: XVector(dim, dim=cfg.dim, pool_dim=cfg.pool_dim))
        self.classes_CD = nn.Parameter(torch.randn(speakers, cfg.dim) * cfg.dim**-0.5)

    def forward(self, frames: Frames) -> Tensor:
        return self.vector(frames)


def read_trials(path: str) -> list[Trial]:
    """Trials in the format of VoxCeleb: ``label first second`` a line, label 1 for one speaker and 0 for two."""
    found = []
    for where, fields in read_rows(path):
        require(
            len(fields) == 3 and fields[0] in ("0", "1"), f"{where}: a trial reads 'label first second', label 0 or 1"
        )
        found.append((fields[0] == "1", fields[1], fields[2]))
    require(found, f"'{path}' holds no trial")
    return found


def _spelt(name: str, known: set[str]) -> str:
    """An utterance's id from its id or the path of its file."""
    path = PurePosixPath(name)
    way = next((way for way in (name, str(path.with_suffix("")), path.stem) if way in known), None)
    require(way is not None, f"the trials name '{name}', which is no utterance with a speaker of the test manifest")
    return way
