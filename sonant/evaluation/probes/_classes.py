"""One decision per utterance: the mean over its frames, then a linear layer for each thing that is to be told.

Letters: B utterances, T frames, D dimensions, S slots (things to tell: one, or several as in an intent), N pieces, W
frames of a piece, C outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core import FrameGeometry, Frames, SonantError, require, samples_of
from ...data.manifest import Utterance
from ...data.words import read_table
from ...nn.norm import BatchNorm
from ...nn.pooling import mean_pool
from ...nn.xvector import mean_and_deviation
from ._config import ProbeConfig, option
from ._task import Example, Probe, Projected


@dataclass(frozen=True)
class ClassConfig(ProbeConfig):
    """A probe of labels of utterances."""

    pool: Literal["mean", "statistics", "flatten"] = option(
        "mean",
        "over time: the mean, or mean and standard deviation (of frames normalised per utterance the mean is 0), or "
        "all frames of pieces of crop_seconds side by side",
    )
    labels: str | None = option(
        None, "TSV with a header: the column key (utterance id) and one column for each thing to tell"
    )


def read_label_table(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Labels by utterance id from a tab-separated table whose header has ``key`` and at least one more column."""
    found: dict[str, tuple[str, ...]] = {}
    for where, row in read_table(path, needs=(("key",),)):
        labels = tuple(value.strip() for name, value in row.items() if name != "key")
        require(labels and all(labels), f"{where}: a label is missing")
        require(row["key"] not in found, f"{where}: the key '{row['key']}' comes twice")
        found[row["key"]] = labels
    require(found, f"'{path}' holds no label")
    return found


class Classes(Probe):
    """Tells utterances apart. Subclasses say what a manifest knows (``of_manifest``)."""

    def __init__(self, cfg: ClassConfig):
        super().__init__(cfg)
        self.table = None if cfg.labels is None else read_label_table(cfg.labels)
        self.names: list[list[str]] = []  # of each slot
        self.numbers: list[dict[str, int]] = []

    @property
    def wanted(self) -> str:
        return self.source if self.table is None else f"labels; '{self.cfg.labels}' names none of its utterances"

    source = "labels from a table (--labels TSV with the columns key and label)"

    def of_manifest(self, utterance: Utterance) -> str | None:
        """The label without a table."""
        return None

    def label(self, utterance: Utterance) -> tuple[str, ...] | None:
        if self.table is not None:
            return self.table.get(utterance.id)
        found = self.of_manifest(utterance)
        return None if found is None else (found,)

    def learn(self, labels: Sequence[tuple[str, ...]]) -> dict[str, Any]:
        self.names = [sorted(set(slot)) for slot in zip(*labels, strict=True)]
        self.numbers = [{name: i for i, name in enumerate(names)} for names in self.names]
        single = [" ".join(names) for names in self.names if len(names) < 2]
        if len(single) == len(self.names):
            raise SonantError(f"all training utterances have the same label ({single[0]}); there is nothing to tell")
        return {"classes": [len(names) for names in self.names] if len(self.names) > 1 else len(self.names[0])}

    def check(self, examples: Sequence[Example]) -> None:
        known = sum(self._known(example.label) for example in examples)
        require(
            known > 0,
            "no label of the test utterances occurs in training; the probe can only tell labels that it was shown "
            f"(test: {', '.join(examples[0].label)}; training: {', '.join(names[0] for names in self.names)}, ...)",
        )

    def head(self, in_dim: int, geometry: FrameGeometry) -> nn.Module:
        outputs = sum(map(len, self.names))
        if self.cfg.pool == "flatten":
            seconds = self.cfg.crop_seconds
            require(seconds is not None, "--pool flatten lays pieces of one length flat; give it: --crop-seconds 1")
            frames = max(geometry.frames(samples_of(seconds, geometry.sample_rate)), 1)
            return FlatClasses(in_dim, self.cfg.project or in_dim, outputs, frames=frames)
        return Projected(in_dim, self.cfg.project, lambda dim: PooledClasses(dim, outputs, pool=self.cfg.pool))

    def loss(self, output: Tensor, labels: Sequence[tuple[str, ...]]) -> Tensor:
        parts = output.split([len(names) for names in self.names], dim=1)
        losses = []
        for slot, (part_BC, number) in enumerate(zip(parts, self.numbers, strict=True)):
            class_B = torch.tensor([number[label[slot]] for label in labels], device=part_BC.device)
            losses.append(F.cross_entropy(part_BC, class_B))
        return torch.stack(losses).sum()

    def decide(self, output: Tensor) -> list[tuple[str, ...]]:
        parts = output.split([len(names) for names in self.names], dim=1)
        best = [part_BC.argmax(1).tolist() for part_BC in parts]
        return [tuple(names[i] for names, i in zip(self.names, one, strict=True)) for one in zip(*best, strict=True)]

    def score(self, decisions: Sequence[tuple[str, ...]], examples: Sequence[Example]) -> dict[str, float]:
        """Shares of utterances with all slots right, and the mean of this share over classes."""
        right: dict[tuple[str, ...], list[bool]] = {}
        for decision, example in zip(decisions, examples, strict=True):
            right.setdefault(example.label, []).append(decision == example.label)
        every = [hit for hits in right.values() for hit in hits]
        return {
            "accuracy": sum(every) / len(every),
            "balanced_accuracy": sum(sum(hits) / len(hits) for hits in right.values()) / len(right),
        }

    def chance(self, examples: Sequence[Example]) -> float:
        """Share of the commonest label."""
        return Counter(example.label for example in examples).most_common(1)[0][1] / len(examples)

    def _known(self, label: tuple[str, ...]) -> bool:
        return len(label) == len(self.numbers) and all(map(dict.__contains__, self.numbers, label))


class PooledClasses(nn.Module):
    """Frames (B, T, D) -> (B, outputs): the mean over time (and the standard deviation), then a linear layer."""

    def __init__(self, dim: int, outputs: int, *, pool: Literal["mean", "statistics"] = "mean"):
        super().__init__()
        self.pool, self.linear = pool, nn.Linear(dim if pool == "mean" else 2 * dim, outputs)

    def forward(self, frames: Frames) -> Tensor:
        if self.pool == "mean":
            return self.linear(mean_pool(frames))
        return self.linear(mean_and_deviation(frames.x_BTD, frames.lengths_B.clamp(min=1)))


class FlatClasses(nn.Module):
    """Frames (B, T, D) -> (B, C) by pieces of W frames, whose outputs are averaged; what is left over is not heard.

    A linear layer, leaky rectifier and batch norm on every frame, all W frames side by side, a linear layer: the head
    of SpeechBrain's PASE recipe (downstream/speaker_id), there on one second of each utterance.
    """

    def __init__(self, in_dim: int, dim: int, outputs: int, *, frames: int):
        super().__init__()
        self.frames = frames
        self.first, self.norm, self.last = nn.Linear(in_dim, dim), BatchNorm(dim), nn.Linear(frames * dim, outputs)

    def forward(self, frames: Frames) -> Tensor:
        x_BTD = self.norm(F.leaky_relu(self.first(frames.x_BTD)), frames.mask_BT)
        begin_B = torch.zeros_like(frames.lengths_B)
        pieces, owner_N = frames.with_x(x_BTD).masked().windows(self.frames, begin_B)
        output_NC = self.last(pieces.x_BTD.flatten(1))
        number_B = owner_N.bincount(minlength=len(begin_B))
        sum_BC = output_NC.new_zeros(len(begin_B), output_NC.shape[1]).index_add(0, owner_N, output_NC)
        return sum_BC / number_B[:, None]
