"""What a model of dialogue says about every frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class DialogueOut:
    """Letters: B dialogues, T frames, K classes, C = 2 speakers, N bins.

    Attributes:
        logits: of the projected future: discrete (B, T, K), independent (B, T, C, N), comparative (B, T).
        activity_logits: (B, T, C) that each speaker is active now; None for models of one channel, which are told.
        lengths_B: (B,) frames that are real; past them all is zero.
        unit_logits: (B, T, K) of the unit of the next frame; None for all but language models of units.
    """

    logits: Tensor
    activity_logits: Tensor | None
    lengths_B: Tensor
    unit_logits: Tensor | None = None
