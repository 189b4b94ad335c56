"""Training from the first step to the last, in the order in which it happens.

Exact resume rests on one rule: nothing random depends on what was drawn before. Batches are pure functions
of (seed, step, rank), and before each step the global generators are seeded from the same path. A run that
was killed and resumed therefore ends with the weights of one that was not (bit-equal on CPU with the same
number of threads and processes, as long as no setting follows the clock: ``optim.schedule_by=minutes``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core import Method
from .config import OptimConfig, TrainConfig, check_together
from .run import Evaluator, Run, SaveModel
from .signals import StopSignals


@dataclass(frozen=True)
class Summary:
    """How a run went.

    Attributes:
        run_dir: the run folder.
        steps: optimiser steps done.
        stopped: why it ended: ``steps``, ``minutes``, ``cpu_minutes``, ``patience``, or ``signal`` (then it
            can be resumed).
        best_step, best_valid_loss: the validation with the lowest loss, whose weights ``model/`` holds; None
            without validation data (``model/`` then holds the last weights).
        seconds: wall time, resumed runs included.
        cpu_seconds: CPU time of all processes and their workers, resumed runs included.
        audio_hours: audio trained on, repetitions included.
        audio_seconds_per_second: speed of the steps alone, validation and checkpoints left out.
    """

    run_dir: Path
    steps: int
    stopped: str
    best_step: int | None
    best_valid_loss: float | None
    seconds: float
    cpu_seconds: float
    audio_hours: float
    audio_seconds_per_second: float


def fit(
    method: Method,
    *,
    train_loader,
    valid_loader,
    optim: OptimConfig,
    train: TrainConfig,
    run_dir: str | Path,
    config: dict,
    save_model: SaveModel,
    evaluators: Sequence[Evaluator] = (),
    resume: bool = False,
) -> Summary:
    """Train ``method`` and leave a run folder.

    Args:
        method: with its first weights; equal on all processes when built after ``seed_everything``.
        train_loader: ``batches(start_step, steps)`` yields batches that are pure functions of (seed, step, rank).
        valid_loader: likewise, with ``steps_per_epoch``; None: ``model/`` holds the last weights instead of the best.
        run_dir: gets ``config.yaml``, ``checkpoints/``, ``model/`` and ``metrics.jsonl``.
        config: the resolved configuration, kept in the run folder and in every checkpoint.
        save_model: writes a representation into a folder, given facts of the training.
        evaluators: called on the first process with the representation in eval mode and the step.
        resume: go on from the newest checkpoint of ``run_dir``; from the start when there is none.

    Raises:
        SonantError: for settings that contradict, a checkpoint of another model, numbers that are not finite.
        WriteFailed: when the disk is full or refuses.
    """
    check_together(optim, train)
    with _arithmetic(train), StopSignals() as signals:
        run = Run(
            method,
            optim=optim,
            train=train,
            run_dir=Path(run_dir),
            config=config,
            valid_loader=valid_loader,
            evaluators=evaluators,
            save_model=save_model,
            signals=signals,
        )
        with run.opened(resume=resume):
            run.survey(train_loader)
            state, every = run.state, train.accumulate
            batches = iter(train_loader.batches(state.step * every, (train.steps - state.step) * every))
            while True:
                if not run.stop:
                    run.validate_if_due()
                    run.evaluate_if_due()
                over = state.ending(train) or ("signal" if run.stop else None)
                run.checkpoint_if_due(over)
                if over:
                    break
                run.step(batches)
    return Summary(
        run_dir=run.run_dir,
        steps=state.step,
        stopped=over,
        best_step=state.best_step,
        best_valid_loss=state.best_loss,
        seconds=state.seconds,
        cpu_seconds=state.cpu_seconds,
        audio_hours=state.audio_seconds / 3600,
        audio_seconds_per_second=state.audio_seconds / max(state.training_seconds, 1e-9),
    )


@contextlib.contextmanager
def _arithmetic(train: TrainConfig) -> Iterator[None]:
    """Threads and kernels as configured, for the length of the block."""
    keep_freed_memory()
    threads, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if train.threads is not None:
        torch.set_num_threads(train.threads)
    if train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact)


def keep_freed_memory() -> None:
    """Ask the C library (glibc) to keep large freed blocks instead of giving each back to the system.

    A training step on a CPU frees and asks for the same hundreds of megabytes again; clearing the pages anew
    costs up to half of its time. Elsewhere this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**30)
