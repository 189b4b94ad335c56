"""What a model is, in figures."""

from __future__ import annotations

from pathlib import Path

from ..build import load
from ..core import Representation


def describe(model: str | Path | Representation) -> dict:
    """Parameters, sizes, rate, receptive field, look-ahead, layers and training data of a representation.

    Times are in milliseconds; ``None`` for ``context_past_ms`` or ``look_ahead_ms`` means the whole utterance.
    """
    representation = model if isinstance(model, Representation) else load(model)
    geometry = representation.geometry
    hop_ms = 1000 * geometry.hop / geometry.sample_rate
    past, future = representation.reach
    local_ahead = geometry.window + geometry.offset - geometry.hop
    return {
        "model": str(model) if not isinstance(model, Representation) else representation.config.get("name", ""),
        "parameters": sum(p.numel() for p in representation.parameters()),
        "sample_rate": geometry.sample_rate,
        "frame_rate_hz": geometry.rate,
        "hop_ms": hop_ms,
        "downsampling": geometry.hop,
        "local_window_ms": 1000 * geometry.window / geometry.sample_rate,
        "context_past_frames": past,
        "context_past_ms": None if past is None else past * hop_ms,
        "look_ahead_frames": future,
        "look_ahead_ms": None
        if future is None
        else future * hop_ms + max(0.0, 1000 * local_ahead / geometry.sample_rate),
        "layers": {layer: representation.dim_of(layer) for layer in representation.layers},
        "default_layer": representation.default_layer,
        "training": representation.config.get("training", {}),
    }
