"""An exponential moving average of a method's weights."""

from __future__ import annotations

import copy

import torch

from ..core import Method


class WeightAverage:
    """A second copy of ``method`` whose weights follow slowly: w <- w + (1 - decay) (method - w).

    In the first steps the decay is lower, (1 + step) / (10 + step), so that the random weights of the
    start are soon forgotten (as in the moving averages of TensorFlow). Buffers are copied.

    Attributes:
        method: the averaged copy, in evaluation mode.
    """

    def __init__(self, method: Method, *, decay: float):
        self.decay = decay
        self.method = copy.deepcopy(method)
        self.method.requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, method: Method, *, step: int) -> None:
        """Move towards ``method`` after optimiser step number ``step`` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.method.parameters()), list(method.parameters()), 1 - decay)
        for mine, theirs in zip(self.method.buffers(), method.buffers(), strict=True):
            mine.copy_(theirs)
