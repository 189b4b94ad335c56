"""Every setting of the training engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..core import require

Part = Literal["features", "encoder", "context", "embedding"]  # of a body, which keeps what the heads are trained for


@dataclass(frozen=True)
class OptimConfig:
    """How the weights follow the gradients. Adam at 2e-4 is van den Oord et al. 2018, Sec. 3.1."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = 2e-4  # learning rate at its highest
    encoder_lr: float | None = None  # likewise of features, encoder, context and embedding; lr is then of heads and
    # workers alone. None: lr for all. Every schedule scales both
    betas: tuple[float, float] = (0.9, 0.999)  # decay of Adam's two moments per step
    eps: float = 1e-8  # added to the root of Adam's second moment
    momentum: float = 0.9  # of sgd only
    weight_decay: float = 0.0  # per step and unit of lr; never on norms, biases and other vectors
    clip_norm: float | None = None  # longest gradient over all weights (2-norm); None: no limit
    schedule: Literal["constant", "linear", "cosine", "poly", "inverse_sqrt", "halving"] = "constant"  # after warm-up
    warmup_steps: int = 0  # steps in which lr rises linearly from 0
    final_lr_fraction: float = 0.0  # linear, cosine and poly end at this share of lr
    power: float = 0.9  # of what is left of training (schedule poly)
    halve_every: int = 10_000  # steps between two halvings (schedule halving)
    decay_factor: float = 0.5  # of lr at each of these (schedule halving)
    schedule_by: Literal["steps", "minutes"] = (
        "steps"  # what counts as progress: train.steps, or the time that limits training
    )

    def __post_init__(self):
        for name in ("lr", "encoder_lr", "power", "halve_every"):
            value = getattr(self, name)
            require(value is None or value > 0, f"optim.{name} must be above 0, got {value}")
        require(all(0 <= beta < 1 for beta in self.betas), f"optim.betas must be in [0, 1), got {list(self.betas)}")
        require(self.weight_decay >= 0, f"optim.weight_decay must be at least 0, got {self.weight_decay}")
        require(self.clip_norm is None or self.clip_norm > 0, f"optim.clip_norm must be above 0, got {self.clip_norm}")
        require(self.warmup_steps >= 0, f"optim.warmup_steps must be at least 0, got {self.warmup_steps}")
        require(0 < self.decay_factor <= 1, f"optim.decay_factor must be in (0, 1], got {self.decay_factor}")
        require(
            0 <= self.final_lr_fraction <= 1,
            f"optim.final_lr_fraction is a share of lr in [0, 1], got {self.final_lr_fraction}",
        )


@dataclass(frozen=True)
class TrainConfig:
    """How long, how exactly and how carefully to train."""

    steps: int = 100_000  # optimiser steps
    max_minutes: float | None = None  # wall time, resumed runs included, after which training ends; None: no limit
    max_cpu_minutes: float | None = None  # CPU time of all processes and their workers, likewise; None: no limit
    accumulate: int = 1  # batches whose gradients make one step
    gradient_cache: int | None = None  # pieces in which a batch of views is embedded and yet compared as a whole, with
    # the memory of one piece and a forward pass more; None: at once (methods on views: simclr, dino, ...)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # of the arithmetic; the weights stay fp32
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU when there is one
    threads: int | None = None  # CPU threads of the arithmetic; None: torch's choice. Exact resume needs it unchanged
    init: str | None = None  # run or model folder whose weights training starts from; None: fresh ones
    freeze: tuple[Part, ...] = ()  # parts that stay as they are: no gradient, statistics and dropout of evaluation
    thaw_step: int | None = None  # step from which they learn after all; None: never
    seed: int = 0  # root of every random draw of the run
    deterministic: bool = False  # only reproducible kernels on a GPU (slower); the CPU is reproducible without
    compile: bool = False  # torch.compile of encoder and context

    log_every: int = 50  # steps between two training lines in metrics.jsonl
    valid_every: int = 1000  # steps between two validations
    valid_steps: int | None = None  # validation batches; None: all of the validation data
    eval_every: int | None = None  # steps between two runs of the evaluators; None: at each validation
    checkpoint_every: int = 1000  # steps between two checkpoints
    keep_checkpoints: int = 2  # newest checkpoints that stay on disk
    tensorboard: bool = False  # also write logs for TensorBoard (extra 'log')

    early_stopping_patience: int | None = None  # validations without improvement before training ends; None: never
    early_stopping_threshold: float = 0.0  # fall of the validation loss that counts as improvement
    ema_decay: float | None = None  # of a moving average of the weights, validated and kept as the model; None: off
    on_nan: Literal["stop", "skip"] = "stop"  # what follows a loss or gradient that is not finite
    max_skipped: int = 20  # such steps that on_nan=skip accepts in a run
    collapse_rank: float = 0.01  # warn when frames use fewer directions than this share of their size; 0: never

    def __post_init__(self):
        for name in ("steps", "accumulate", "log_every", "valid_every", "checkpoint_every", "keep_checkpoints"):
            require(getattr(self, name) > 0, f"train.{name} must be at least 1, got {getattr(self, name)}")
        for name in (
            "max_minutes",
            "max_cpu_minutes",
            "threads",
            "valid_steps",
            "eval_every",
            "early_stopping_patience",
            "gradient_cache",
            "thaw_step",
        ):
            value = getattr(self, name)
            require(value is None or value > 0, f"train.{name} must be above 0 or null, got {value}")
        require(
            self.thaw_step is None or self.freeze,
            f"train.thaw_step is {self.thaw_step}, and nothing is frozen: name it in train.freeze, such as [encoder]",
        )
        require(self.early_stopping_threshold >= 0, "train.early_stopping_threshold must be at least 0")
        require(
            self.ema_decay is None or 0 < self.ema_decay < 1, f"train.ema_decay must be in (0, 1), got {self.ema_decay}"
        )
        require(0 <= self.collapse_rank < 1, f"train.collapse_rank must be in [0, 1), got {self.collapse_rank}")


def check_together(optim: OptimConfig, train: TrainConfig) -> None:
    """Refuse settings that contradict each other."""
    require(
        optim.schedule_by == "steps" or train.max_minutes is not None or train.max_cpu_minutes is not None,
        "optim.schedule_by=minutes needs train.max_minutes or train.max_cpu_minutes: the schedule follows that time",
    )
