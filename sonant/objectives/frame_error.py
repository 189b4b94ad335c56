"""How far predicted frames lie from real ones.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from sonant.core import Frames


def frame_errors(prediction_BTD: Tensor, target: Frames, *, norm: Literal["absolute", "square"]) -> Tensor:
    """(B, T) error of every frame, the mean over its channels, in float32; 0 where the target is padding.

    Args:
        prediction_BTD: (B, T, D).
        target: (B, T, D), through which no gradient flows.
        norm: ``absolute`` |p - x|, ``square`` (p - x)^2.
    """
    difference_BTD = prediction_BTD.float() - target.x_BTD.detach().float()
    error_BTD = difference_BTD.abs() if norm == "absolute" else difference_BTD.square()
    return error_BTD.mean(-1).masked_fill(~target.mask_BT, 0.0)
