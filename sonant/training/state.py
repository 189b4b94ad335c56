"""Where a run stands: what a checkpoint holds besides weights, to go on exactly."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from .config import TrainConfig
from .step import StepOut


@dataclass
class Window:
    """Sums since the last training line."""

    steps: int = 0
    seconds: float = 0.0  # of wall time in steps
    audio_seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)  # of loss, parts and grad_norm

    def add(self, out: StepOut, *, seconds: float) -> None:
        """Count one step that took ``seconds``."""
        self.steps += 1
        self.seconds += seconds
        self.audio_seconds += out.audio_seconds
        for name, value in {**out.parts, "loss": out.loss, "grad_norm": out.grad_norm}.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    @property
    def speed(self) -> float:
        """Seconds of audio per second."""
        return self.audio_seconds / max(self.seconds, 1e-9)

    def means(self) -> dict[str, float]:
        """Mean over the window's steps of every scalar."""
        return {name: value / self.steps for name, value in self.sums.items()}


@dataclass
class State:
    """Where a run stands. All processes hold the same."""

    step: int = 0  # optimiser steps done
    seconds: float = 0.0  # wall time so far, resumed runs included
    cpu_seconds: float = 0.0  # CPU time so far of all processes and their workers, resumed runs included
    audio_seconds: float = 0.0  # audio trained on so far
    training_seconds: float = 0.0  # of ``seconds``, those spent in steps
    validated: int = 0  # step of the last validation
    evaluated: int = 0  # step of the last run of the evaluators
    best_step: int | None = None
    best_loss: float | None = None
    bar: float | None = None  # validation loss that the next improvement is measured from
    waited: int = 0  # validations since the last improvement
    skipped: int = 0  # steps whose loss or gradient was not finite
    window: Window = field(default_factory=Window)

    def ending(self, train: TrainConfig) -> str | None:
        """Why the run is over (steps, minutes, cpu_minutes, patience), or None."""
        if self.step >= train.steps:
            return "steps"
        shares = self.shares_of_time(train)
        for limit in ("minutes", "cpu_minutes"):
            if shares.get(limit, 0.0) >= 1:
                return limit
        if train.early_stopping_patience is not None and self.waited >= train.early_stopping_patience:
            return "patience"
        return None

    def told(self, over: str, *, took: str, signal: str | None) -> str:
        """The end of a run in words, for one of the reasons of ``ending`` or ``signal``."""
        return {
            "steps": f"finished {self.step} steps in {took}",
            "minutes": f"stopped at step {self.step}: train.max_minutes is over",
            "cpu_minutes": f"stopped at step {self.step} after {took}: train.max_cpu_minutes is over",
            "patience": f"stopped at step {self.step}: {self.waited} validations without improvement",
            "signal": f"stopped by {signal or 'a signal'} at step {self.step}, saved; go on with --resume",
        }[over]

    def shares_of_time(self, train: TrainConfig) -> dict[str, float]:
        """How much of each limit on time is used up (1: all), by its name without ``max_``; empty without limits."""
        used = {"minutes": (self.seconds, train.max_minutes), "cpu_minutes": (self.cpu_seconds, train.max_cpu_minutes)}
        return {name: seconds / (60 * limit) for name, (seconds, limit) in used.items() if limit is not None}

    def judge(self, loss: float, train: TrainConfig) -> bool:
        """Take note of a validation loss; true when it is the lowest so far."""
        self.validated = self.step
        if not math.isfinite(loss):
            self.waited += 1
            return False
        if self.bar is None or loss < self.bar - train.early_stopping_threshold:
            self.bar, self.waited = loss, 0
        else:
            self.waited += 1
        if self.best_loss is not None and not loss < self.best_loss:
            return False
        self.best_step, self.best_loss = self.step, loss
        return True

    def to_dict(self) -> dict:
        """Plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> State:
        """The inverse of ``to_dict``."""
        return cls(**{**values, "window": Window(**values["window"])})
