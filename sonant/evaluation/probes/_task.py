"""What a probe is: labels, a head, a loss and a score. ``_train.py`` does the rest.

Letters: B utterances, T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, Representation
from ...data.manifest import Manifest, Utterance
from ._config import ProbeConfig

Progress = Callable[[int, int], None]
Arrays = Sequence[Mapping[str, np.ndarray]]  # (T, D) features by utterance


@dataclass(frozen=True)
class Example:
    """An utterance with the label that a task found for it."""

    utterance: Utterance
    label: Any


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        figures: on the test manifest.
        chosen: on the held-out part of the training manifest, at the step that was kept.
        layers: weight of each layer in the sum; for tasks without training the figure of each layer.
        counts: of utterances, classes and steps.
        seconds: of the whole probe.
    """

    figures: dict[str, float]
    layers: dict[str, float]
    counts: dict[str, Any]
    chosen: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


class Probe:
    """A probe that trains a head. Subclasses say what follows; class variables say how steps are compared.

    Class variables:
        figure: the figure that chooses the best step.
        lower: whether a lower one is better.
        hold_out_by: how the held-out part is drawn: ``speaker`` where there are several, or ``utterance``, in which
            case every class stays in training.
        timed: labels belong to times, so that utterances are not cropped.
    """

    figure: ClassVar[str] = "accuracy"
    lower: ClassVar[bool] = False
    hold_out_by: ClassVar[Literal["speaker", "utterance"]] = "speaker"
    timed: ClassVar[bool] = False

    def __init__(self, cfg: ProbeConfig):
        self.cfg = cfg

    @property
    def wanted(self) -> str:
        """What an utterance needs to have a label, for messages."""
        raise TypeError(f"{type(self).__name__} defines no wanted")

    def label(self, utterance: Utterance) -> Any:
        """What the head is to tell of an utterance; None: it has no label and is left out."""
        raise TypeError(f"{type(self).__name__} defines no label")

    def learn(self, labels: Sequence[Any]) -> dict[str, Any]:
        """Note which classes there are in training; returns counts for the report."""
        raise TypeError(f"{type(self).__name__} defines no learn")

    def check(self, examples: Sequence[Example]) -> None:
        """Raise SonantError for test examples that cannot be scored; called before training."""

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        """A fresh head: frames (B, T, in_dim) -> what ``loss`` and ``decide`` take."""
        raise TypeError(f"{type(self).__name__} defines no head")

    def loss(self, output: Any, labels: Sequence[Any]) -> Tensor:
        """Of a batch; the labels are all known from ``learn``."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def decide(self, output: Any) -> list[Any]:
        """What the head says of each utterance."""
        raise TypeError(f"{type(self).__name__} defines no decide")

    def score(self, decisions: Sequence[Any], examples: Sequence[Example]) -> dict[str, float]:
        """Figures; empty where these examples allow none."""
        raise TypeError(f"{type(self).__name__} defines no score")

    def chance(self, examples: Sequence[Example]) -> float | None:
        """What a guess without listening would score; None: not known."""
        return None

    def run(
        self,
        representation: Representation,
        train: Manifest,
        test: Manifest,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        arrays: Arrays = (),
    ) -> ProbeResult:
        """Train the head on one manifest and score it on another.

        Args:
            representation: on its device; its weights change only with ``encoder_lr``.
            train, test: manifests with the labels that the task needs.
            seed: of the head's first weights, the order of the batches and the held-out part.
            progress: called with (steps done, steps in all).
            arrays: features of all utterances, for models that stand on them.

        Raises:
            SonantError: no labels, or labels of the test manifest that training never shows.
        """
        from ._train import run

        return run(self, representation, train, test, seed=seed, progress=progress, arrays=arrays)


class Projected(nn.Module):
    """A linear layer on every frame, then a head."""

    def __init__(self, in_dim: int, project: int, make: Callable[[int], nn.Module]):
        super().__init__()
        self.linear = nn.Linear(in_dim, project) if project else nn.Identity()
        self.head = make(project or in_dim)

    def forward(self, frames: Frames) -> Any:
        return self.head(frames.with_x(self.linear(frames.x_BTD)).masked())
