"""The contract between the method ``pase`` and its workers.

A worker is a small head that solves one task on the frames of the encoder, and so teaches the encoder what the task
needs: Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2. One file of ``workers/`` holds one ``Config`` and one
subclass called ``Worker``: target, head and loss together. Nothing else has to know of it.

Letters: B utterances, T frames, D channels, L samples.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames, LossOut, require


@dataclass(frozen=True)
class WorkerConfig:
    """What every worker can be told."""

    weight: float = 1.0  # of its loss (balance weights, and before every other balance)

    def __post_init__(self):
        require(self.weight >= 0, f"the weight of a worker must be at least 0, got {self.weight}")


@dataclass
class Clean:
    """The undistorted chunks (B, L, 1) of a batch, and what several workers compute of them, once."""

    frames: Frames
    memo: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """``make()``, or what the first call with this ``key`` gave."""
        if key not in self.memo:
            self.memo[key] = make()
        return self.memo[key]


@dataclass
class Seen:
    """What the workers see of a batch.

    Attributes:
        anchor: frames (B, T, D) of the chunk, distorted where the run distorts.
        clean: the same chunks undistorted: targets come from these.
        shortest: fewest frames of any chunk in all processes that train together.
        draw: where random choices about the whole batch come from; equal in all processes that train together.
        context: frames of another chunk of the same utterance; None unless a worker ``compares``.
        other: frames of a chunk of another utterance, of another speaker where speakers are known; likewise.
    """

    anchor: Frames
    clean: Clean
    shortest: int
    draw: torch.Generator
    context: Frames | None = None
    other: Frames | None = None


class Worker(nn.Module):
    """A task on frames. Subclasses keep what they learn in ``parameters`` and what they survey in buffers.

    Args of subclasses' ``__init__``: the Config; ``source`` geometry of the waveform; ``geometry`` and ``in_dim`` of
    the frames that it works on.

    Attributes:
        compares: it needs ``Seen.context`` and ``Seen.other``.
        parts: names of the scalars that it logs beside its loss.
    """

    compares: ClassVar[bool] = False
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, cfg: WorkerConfig):
        super().__init__()
        self.cfg = cfg

    def loss(self, seen: Seen) -> LossOut:
        """The mean over utterances of each one's mean over what it has to solve; parts: further scalars to log."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def survey(self, clean: Clean) -> None:
        """Look at targets before training (statistics that normalise them); the same number of times everywhere."""


def mean_over_real(x_BT: Tensor, lengths_B: Tensor) -> Tensor:
    """The mean over utterances of the mean over each one's first ``lengths_B``: the same however a batch is split."""
    return (x_BT * share_of(lengths_B, x_BT)).sum()


def share_of(lengths_B: Tensor, like_BT: Tensor) -> Tensor:
    """(B, T) what a frame counts in ``mean_over_real``: 1 / (B length), 0 past the length."""
    B, T = like_BT.shape[:2]
    inside_BT = torch.arange(T, device=like_BT.device) < lengths_B[:, None]
    share_B1 = 1.0 / (B * lengths_B.clamp(min=1))[:, None]
    return (inside_BT * share_B1).to(torch.promote_types(like_BT.dtype, torch.float32))


def check_hop(name: str, hop: int, geometry: FrameGeometry) -> None:
    """Raise SonantError unless a target comes as often as the frames."""
    require(
        hop == geometry.hop,
        f"the worker {name} predicts {geometry.sample_rate / hop:g} targets a second, and the encoder gives "
        f"{geometry.rate:g} frames: choose an encoder with a hop of {hop} samples, or leave the worker out",
    )
