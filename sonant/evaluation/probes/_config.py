"""The settings that all probes share, each with the words that the command line says of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from ...core import require


def option(default: Any, about: str) -> Any:
    """A field of a configuration with its default and its description."""
    return dataclasses.field(default=default, metadata={"about": about})


def about(config: type, name: str) -> str:
    """The description of a field; one that only changes a default has that of the class above."""
    for cls in config.__mro__:
        field = getattr(cls, "__dataclass_fields__", {}).get(name)
        if field is not None and "about" in field.metadata:
            return field.metadata["about"]
    return ""


@dataclass(frozen=True)
class LayersConfig:
    """Which layers are looked at, and how."""

    layer: str = option("all", "a layer, several with commas, or all of the default layer's size")
    normalise: Literal["corpus", "layer", "none"] = option(
        "corpus", "each dimension over the training speech, each frame over its dimensions, or as it is"
    )
    cache_gb: float = option(4.0, "frozen frames are kept in memory up to this size, else made anew")


@dataclass(frozen=True)
class ProbeConfig(LayersConfig):
    """Layers, head and training."""

    steps: int = option(1000, "of training")
    batch_size: int = option(16, "utterances in a step")
    lr: float = option(1e-3, "learning rate of head and layer weights (Adam)")
    encoder_lr: float | None = option(None, "fine-tune the encoder too, at this rate (frozen)")
    clip: float = option(1.0, "largest norm of the gradient")
    project: int = option(256, "channels of the first, linear layer of the head; 0: none")
    hold_out: float = option(0.1, "share of the training utterances that chooses the best step")
    eval_every: int = option(100, "steps between two looks at the held-out part")
    patience: int = option(10, "looks without gain after which training ends; 0: never")
    crop_seconds: float | None = option(None, "train on random crops of this length; tasks without times only")

    def __post_init__(self):
        counts = {"steps": self.steps, "batch_size": self.batch_size, "eval_every": self.eval_every}
        for name, value in counts.items():
            require(value >= 1, f"{name} of a probe must be at least 1, got {value}")
        for name in ("lr", "encoder_lr", "clip", "crop_seconds"):
            value = getattr(self, name)
            require(value is None or value > 0, f"{name} of a probe must be positive, got {value}")
        require(0 <= self.hold_out < 1, f"hold_out of a probe must be in [0, 1), got {self.hold_out}")
        require(self.project >= 0 and self.patience >= 0, "project and patience of a probe must not be negative")
