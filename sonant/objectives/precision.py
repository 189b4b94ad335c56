"""Objectives compute in float32 even where the model does not.

Exponentials at a temperature of 0.03, covariances and matrix roots overflow or lose their digits in half precision.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def in_float32(objective: Callable) -> Callable:
    """``objective`` outside of autocast, its half-precision tensors as float32; other tensors stay what they are."""

    @functools.wraps(objective)
    def exact(*args, **kwargs):
        first = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        with torch.autocast(first.device.type, enabled=False):
            return objective(*map(_full, args), **{name: _full(value) for name, value in kwargs.items()})

    return exact


def _full(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value
