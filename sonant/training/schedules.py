"""The learning rate as a pure function of how far training has come."""

from __future__ import annotations

import math

from .config import OptimConfig


def factor(optim: OptimConfig, *, step: int, total: int, progress: float | None = None) -> float:
    """What ``optim.lr`` and ``optim.encoder_lr`` are multiplied with in one step.

    Args:
        step: number of the step, from 0.
        total: steps of the whole run.
        progress: share of the run that is over, in [0, 1], where something else than steps measures it
            (time); None: counted from the end of the warm-up to ``total``.

    Returns:
        A factor in [0, 1]: a linear rise over ``warmup_steps``, times the schedule by name.
    """
    warm = min(1.0, (step + 1) / optim.warmup_steps) if optim.warmup_steps else 1.0
    since = max(step - optim.warmup_steps, 0)
    if progress is None:
        progress = since / max(total - optim.warmup_steps, 1)
    return warm * _decay(optim, since=since, progress=min(max(progress, 0.0), 1.0))


def _decay(optim: OptimConfig, *, since: int, progress: float) -> float:
    """The schedule alone: ``since`` is steps since the warm-up, ``progress`` in [0, 1]."""
    final = optim.final_lr_fraction
    if optim.schedule == "linear":
        return 1.0 - (1.0 - final) * progress
    if optim.schedule == "cosine":
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
    if optim.schedule == "poly":
        return final + (1.0 - final) * (1.0 - progress) ** optim.power
    if optim.schedule == "halving":
        return optim.decay_factor ** (since // optim.halve_every)
    if optim.schedule == "inverse_sqrt":
        base = max(optim.warmup_steps, 1)
        return math.sqrt(base / (base + since))
    return 1.0
