"""The parts of a body: what is kept of a method, can be frozen, and may learn at a rate of its own."""

from __future__ import annotations

from torch import nn

from ..core import Featured
from .config import Part


def body_parts(method: nn.Module) -> dict[Part, nn.Module]:
    """The parts that a method has, by name; ``encoder`` is without the features below it."""
    encoder = getattr(method, "encoder", None)
    below = {"features": encoder.features, "encoder": encoder.local} if isinstance(encoder, Featured) else {}
    above = {name: getattr(method, name, None) for name in ("context", "embedding")}
    parts = {"encoder": encoder, **below, **above}
    return {name: part for name, part in parts.items() if part is not None}
