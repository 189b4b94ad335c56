"""What a checkpoint holds of a run, and how the run gets it back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..core import Method
from ..version import __version__
from . import checkpoint
from .average import WeightAverage
from .optim import load_optimizer
from .state import State


@dataclass(frozen=True)
class Learner:
    """All that changes while a method learns.

    Attributes:
        average: of its weights; None: the run keeps none.
        scaler: of fp16's gradients; disabled otherwise.
    """

    method: Method
    average: WeightAverage | None
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def content(learner: Learner, state: State, *, cpu_seconds: float, lines: int, config: dict) -> dict:
    """Everything a resumed run needs, as tensors and plain values; ``lines`` of metrics.jsonl belong to it."""
    average = learner.average
    return {
        "version": __version__,
        "step": state.step,
        "state": state.to_dict() | {"cpu_seconds": cpu_seconds},
        "method": learner.method.state_dict(),
        "average": average.method.state_dict() if average else None,
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        "rng": checkpoint.random_state(),
        "lines": lines,
        "config": config,
    }


def restore(learner: Learner, path: Path, *, config: dict) -> tuple[State, int, list[str]]:
    """Load a checkpoint; returns where it stands, how many lines of metrics.jsonl it knows, and changed settings.

    Raises SonantError when it is of another model, or of other groups of weights.
    """
    saved = checkpoint.read(path)
    origin = {"path": path, "saved": saved["config"], "config": config}
    checkpoint.load_weights(learner.method, saved["method"], **origin)
    if learner.average:
        checkpoint.load_weights(learner.average.method, saved["average"] or saved["method"], **origin)
    load_optimizer(learner.optimizer, saved["optimizer"])
    if learner.scaler.is_enabled() and saved["scaler"]:
        learner.scaler.load_state_dict(saved["scaler"])
    checkpoint.restore_random_state(saved["rng"])
    return State.from_dict(saved["state"]), saved["lines"], checkpoint.differences(saved["config"], config)
