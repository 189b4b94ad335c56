"""Are two utterances by one speaker? Equal error rate of the cosine of x-vectors (SUPERB: ASV).

Yang et al. 2021 (arXiv:2105.01051), Sec. 3: the head learns to tell the speakers of the training manifest with additive
margins; its vectors are compared for speakers that it never heard.

Letters: B utterances of a batch, U of a manifest, D dimensions, C training speakers, P trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, numpy_generator, require
from ...data.manifest import Utterance
from ...data.trials import match_names, read_trials
from ...nn.xvector import XVector
from ...objectives.am_softmax import am_softmax
from ..verification import equal_error_rate
from ._config import ProbeConfig, option
from ._task import Example, Probe, Projected

PAIRED = 2000  # utterances of which all pairs are trials, 2 million of them
TRIALS_AT_ONCE = 2**16  # for which vectors are gathered


@dataclass(frozen=True)
class Config(ProbeConfig):
    """Defaults for corpora of an hour."""

    lr: float = 1e-3
    dim: int = option(128, "of the vector and of the head's layers")
    pool_dim: int = option(256, "channels that are pooled over time")
    crop_seconds: float | None = 3.0
    trials: str | None = option(
        None, "list of trials, of VoxCeleb or Kaldi (default: all pairs of up to 2000 test utterances)"
    )


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
        self.number: dict[str, int] = {}
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
        self.number = {name: i for i, name in enumerate(self.speakers)}
        require(len(self.speakers) > 1, "the training manifest needs two speakers or more")
        return {"classes": len(self.speakers)}

    def check(self, examples: Sequence[Example]) -> None:
        self.test = examples
        same_P = self._trials(examples)[2]
        require(same_P.any() and not same_P.all(), "the test manifest needs pairs of one speaker and pairs of two")

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        self.trained = SpeakerHead(self.cfg, in_dim=in_dim, speakers=len(self.speakers))
        return self.trained

    def loss(self, output: Tensor, labels: Sequence[str]) -> Tensor:
        class_B = torch.tensor([self.number[label] for label in labels], device=output.device)
        return am_softmax(output, self.trained.classes_CD, class_B)

    def decide(self, output: Tensor) -> list[Tensor]:
        return list(F.normalize(output, dim=1).cpu())

    def score(self, decisions: Sequence[Tensor], examples: Sequence[Example]) -> dict[str, float]:
        """Equal error rate of the cosine over the trials; nothing where the pairs are all of one kind."""
        first_P, second_P, same_P = self._trials(examples)
        if same_P.all() or not same_P.any():
            return {}
        x_UD, score_P = torch.stack(list(decisions)).float().numpy(), np.empty(len(same_P), np.float32)
        for begin in range(0, len(score_P), TRIALS_AT_ONCE):
            part = slice(begin, begin + TRIALS_AT_ONCE)
            score_P[part] = np.einsum("pd,pd->p", x_UD[first_P[part]], x_UD[second_P[part]])
        return {"eer": equal_error_rate(score_P, same_P)}

    def _trials(self, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers of the first and second utterance of each trial, and whether they are of one speaker.

        The list's for the test utterances. For the held-out ones, and where there is no list, all pairs, of utterances
        that are drawn where there are more than ``PAIRED``.
        """
        if self.trials is not None and examples is self.test:
            heard = [example.utterance for example in examples]
            ids, paths = [u.id for u in heard], [u.path for u in heard]
            row_U = match_names(self.trials.names, ids, paths, place="the test manifest, with a speaker")
            return row_U[self.trials.enrol_P], row_U[self.trials.test_P], self.trials.target_P
        chosen_U = np.arange(len(examples))
        if len(examples) > PAIRED:
            chosen_U = np.sort(numpy_generator(0, "trials").permutation(len(examples))[:PAIRED])
        speaker_U = np.unique([examples[u].label for u in chosen_U], return_inverse=True)[1]
        i_P, j_P = np.triu_indices(len(chosen_U), k=1)
        return chosen_U[i_P], chosen_U[j_P], speaker_U[i_P] == speaker_U[j_P]


class SpeakerHead(nn.Module):
    """Frames (B, T, in_dim) -> (B, D); beside it one vector per training speaker."""

    def __init__(self, cfg: Config, *, in_dim: int, speakers: int):
        super().__init__()
        self.vector = Projected(in_dim, cfg.project, lambda dim: XVector(dim, dim=cfg.dim, pool_dim=cfg.pool_dim))
        self.classes_CD = nn.Parameter(torch.randn(speakers, cfg.dim) * cfg.dim**-0.5)

    def forward(self, frames: Frames) -> Tensor:
        return self.vector(frames)
