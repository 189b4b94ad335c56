"""Targets and losses of pitch: how high a voice is within its own range, and where there is any.

Letters: N channels, T frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import require


@dataclass(frozen=True)
class Voice:
    """A voice as expected before it is heard."""

    hz: float = 150.0  # Hz, between usual voices of men and women
    deviation: float = 0.25  # of log F0, about four semitones
    frames: int = 50  # voiced frames that this expectation weighs as much as

    def __post_init__(self):
        require(
            min(self.hz, self.deviation) > 0 and self.frames >= 1,
            f"an expected voice needs a positive pitch, deviation and number of frames, got {self}",
        )


def relative_pitch(hz_NT: Tensor, voiced_NT: Tensor, *, voice: Voice) -> Tensor:
    """log F0 less the speaker's mean, over the speaker's deviation; 0 where unvoiced.

    Every row is one speaker. Mean and variance are those of its voiced frames together with ``voice.frames`` frames of
    the voice that was expected, so that a few voiced frames are no speaker yet.

    Args:
        hz_NT: F0 in Hz; what it is where ``voiced_NT`` is false does not matter.
        voiced_NT: booleans.
    """
    log_NT = torch.where(voiced_NT, hz_NT, voice.hz).double().log()
    count_N1 = voiced_NT.sum(1, keepdim=True) + voice.frames

    def mean(x_NT: Tensor, expected: float) -> Tensor:
        return (x_NT.masked_fill(~voiced_NT, 0.0).sum(1, keepdim=True) + voice.frames * expected) / count_N1

    centre_N1 = mean(log_NT, math.log(voice.hz))
    variance_N1 = mean((log_NT - centre_N1).square(), voice.deviation**2)
    return ((log_NT - centre_N1) / variance_N1.sqrt()).masked_fill(~voiced_NT, 0.0).float()


def pitch_losses(
    said_NT2: Tensor, pitch_NT: Tensor, voiced_NT: Tensor, real_NT: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What a head of two figures a frame, pitch and logit of voicing, costs.

    Returns:
        Two pairs of a sum and a number of frames, in float32: absolute error of the pitch over voiced frames, and
        binary cross-entropy of the voicing over all real frames, in nats.
    """
    pitch_said_NT, logit_NT = said_NT2.float().unbind(-1)
    voiced_NT = voiced_NT & real_NT
    error_NT = (pitch_said_NT - pitch_NT).abs().masked_fill(~voiced_NT, 0.0)
    voicing_NT = F.binary_cross_entropy_with_logits(logit_NT, voiced_NT.float(), reduction="none")
    return (error_NT.sum(), voiced_NT.sum()), (voicing_NT.masked_fill(~real_NT, 0.0).sum(), real_NT.sum())
