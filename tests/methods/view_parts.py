"""Small methods on views and batches for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sonant import build
from sonant.core import Batch, Method


def small(name: str, *, body: dict[str, Any] | None = None, seed: int = 0, **settings) -> Method:
    """A method on 12 channels at 100 Hz, its vectors their mean."""
    torch.manual_seed(seed)
    config = {
        "encoder": {"name": "cpc_conv", "dim": 12},
        "context": "identity",
        "embedding": {"pool": "mean", "dim": 8},
        **(body or {}),
        "method": {"name": name, **settings},
    }
    return build.method_of(build.resolve(config))


def views(size: int = 4, *, count: int = 2, samples: int = 4000, seed: int = 0, **extras: Tensor) -> Batch:
    """Noise, different in every view."""
    generator = torch.Generator().manual_seed(seed)
    wave_BVL = 0.3 * torch.randn(size, count, samples, generator=generator)
    return Batch(
        wave_BVL[:, 0],
        torch.full((size,), samples),
        16000,
        seeds=tuple(range(size)),
        speaker_B=torch.arange(size) // 2,
        extras={"views": wave_BVL, **extras},
    )


def without_speakers(batch: Batch) -> Batch:
    return replace(batch, speaker_B=None)
