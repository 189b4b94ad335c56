"""Batches too small for a loss that looks across them."""

from __future__ import annotations

import torch

from sonant.core import LossOut, ViewsMethod, require


def too_few(method: ViewsMethod, size: int, *, least: int, advice: str) -> bool:
    """Whether a batch has fewer utterances than ``least``, as the last of validation may. Raises in training."""
    require(
        size >= least or not method.training,
        f"a batch of {size} utterances is too small here, it needs {least}: {advice}",
    )
    return size < least


def no_loss(*parts: str) -> LossOut:
    """What such a batch adds to a mean: nothing."""
    nothing = torch.zeros(())
    return LossOut(total=nothing, parts=dict.fromkeys(parts, nothing), count=0.0)
