"""The settings of a recogniser, each with the words that the command line says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ...core import require
from ...objectives.spec_augment import SpecAugment
from ..probes._config import option

STACK_SECONDS = 0.03  # three frames of 10 ms, as published


@dataclass(frozen=True)
class Config:
    """Defaults for corpora of an hour and a laptop; ``PAPER`` has those that were published.

    Robertson and Dunbar 2023 (arXiv:2312.01515): a short stage on the shortest utterances, then one on everything.
    """

    layer: str | None = option(
        None, "a layer, several with commas, or all: their learnt sum; left out: the model's own"
    )
    units: Literal["subword", "char"] = option("char", "SentencePiece subwords, or characters")
    vocabulary: int = option(2000, "subwords; fewer where the transcripts do not allow so many")
    stack: int | None = option(None, "frames side by side that make one; left out: those of 30 ms")
    hidden: int = option(192, "units of each direction of the LSTM")
    layers: int = option(2, "of the LSTM")
    dropout: float = option(0.1, "between and after these layers, in the second stage")
    batch_size: int = option(8, "utterances in a step")
    short_count: int = option(2000, "the first stage sees this many of the shortest utterances ...")
    short_share: float = option(0.5, "... but not more than this share of all")
    short_lr: float = option(1e-3, "learning rate of the first stage (AdamW)")
    lr: float = option(1e-3, "learning rate of the second stage")
    short_epochs: int = option(10, "of the first stage at most")
    epochs: int = option(50, "of the second stage at most")
    weight_decay: float = option(0.01, "of AdamW")
    clip: float = option(1.0, "largest norm of the gradient")
    threshold: float = option(1e-3, "gain of the held-out loss that counts")
    patience: int = option(10, "epochs without such a gain after which a stage ends; 0: never")
    burn_in: int = option(20, "epochs of a stage in which patience is not lost")
    hold_out: float = option(0.1, "share of the training utterances that ends the stages, when no --dev is given")
    time_warp: int = option(80, "SpecAugment: frames by which a place is moved at most; 0: not")
    time_masks: int = option(20, "SpecAugment: stretches of time at most, and at most 4 % of the number of frames")
    time_width: int = option(100, "SpecAugment: frames of a stretch at most, and at most 4 % of all")
    channel_masks: int = option(2, "SpecAugment: bands of channels")
    channel_width: int = option(27, "SpecAugment: channels of a band at most")
    cache_gb: float = option(4.0, "frames are kept in memory up to this size, else made anew")

    def __post_init__(self):
        require(self.stack is None or self.stack >= 1, f"stack of asr must be at least 1, got {self.stack}")
        whole = ("vocabulary", "hidden", "layers", "batch_size", "short_count", "epochs")
        for name in whole:
            require(getattr(self, name) >= 1, f"{name} of asr must be at least 1, got {getattr(self, name)}")
        for name in ("short_epochs", "patience", "burn_in"):
            require(getattr(self, name) >= 0, f"{name} of asr must not be negative, got {getattr(self, name)}")
        for name in ("short_lr", "lr", "clip"):
            require(getattr(self, name) > 0, f"{name} of asr must be positive, got {getattr(self, name)}")
        require(0 <= self.dropout < 1, f"dropout of asr must be in [0, 1), got {self.dropout}")
        require(0 < self.short_share <= 1, f"short_share of asr must be in (0, 1], got {self.short_share}")
        require(0 < self.hold_out < 1, f"hold_out of asr must be in (0, 1), got {self.hold_out}")
        _ = self.spec_augment

    def stacked_at(self, rate: float) -> Config:
        """The same for frames of this rate (Hz): with ``stack`` as a number."""
        return self if self.stack is not None else replace(self, stack=max(1, int(STACK_SECONDS * rate + 1e-6)))

    @property
    def spec_augment(self) -> SpecAugment:
        """What the second stage does to its frames."""
        return SpecAugment(
            time_warp=self.time_warp,
            time_masks=self.time_masks,
            time_width=self.time_width,
            channel_masks=self.channel_masks,
            channel_width=self.channel_width,
        )


NOT_OF_THE_MODEL = ("cache_gb",)
PAPER = {
    "units": "subword", "hidden": 2048, "batch_size": 32, "short_share": 1.0, "lr": 1e-4, "short_epochs": 1000,
    "epochs": 1000,
}  # fmt: skip
