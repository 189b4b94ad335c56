"""Small parts of the models of dialogue: fewer frames, what the speakers did so far, two channels into one.

Letters: B dialogues, T frames, D channels of a frame, C = 2 speakers, W windows of the history.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames, State

from .conv import Conv

WINDOWS = 5  # of the activity history


class Down(nn.Module):
    """Convolution, layer norm, GELU: from the rate of the context to that of the model.

    Args:
        kernel, stride: in frames of the context.
        padding: ``causal``: kernel - 1 frames of zeros before the first; ``none``: no padding.
    """

    def __init__(self, dim: int, *, kernel: int, stride: int, padding: Literal["causal", "none"]):
        super().__init__()
        left = kernel - 1 if padding == "causal" else 0
        self.conv = Conv(dim, dim, kernel=kernel, stride=stride, left=left, right=0)
        self.norm = nn.LayerNorm(dim)

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        return self.conv.stack(source)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, D) -> (B, T', D)."""
        frames = self.conv(frames)
        return frames.with_x(F.gelu(self.norm(frames.x_BTD))).masked()

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> Tensor:
        """See ``core.Streamable``."""
        return self.conv.begin(batch, device=device, dtype=dtype)

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """See ``core.Even``."""
        return self.conv.begin_even(batch, early, device=device, dtype=dtype)

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """The frames that (B, T, D) completes."""
        x_BTD, state = self.conv.step(x_BTD, state)
        return F.gelu(self.norm(x_BTD)), state


class Condition(nn.Module):
    """What is added to every frame: norm(A activity + H history).

    Args:
        windows: W, numbers of the history; 0: no history.
        norm: False leaves it as it is.
    """

    def __init__(self, dim: int, *, windows: int, norm: bool = True):
        super().__init__()
        self.activity = nn.Linear(2, dim)
        self.history = nn.Linear(windows, dim) if windows else None
        self.norm = nn.LayerNorm(dim) if norm else nn.Identity()

    def forward(self, activity_BTC: Tensor, history_BTW: Tensor | None) -> Tensor:
        """(B, T, 2) and, with a history, (B, T, W) -> (B, T, D)."""
        x_BTD = self.activity(activity_BTC.to(self.activity.weight.dtype))
        if self.history is not None:
            x_BTD = x_BTD + self.history(history_BTW.to(x_BTD.dtype))
        return self.norm(x_BTD)


class Combine(nn.Module):
    """GELU(norm(A x_0)) + GELU(norm(B x_1)): the only place that knows which speaker is which."""

    def __init__(self, dim: int):
        super().__init__()
        self.first, self.second = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x_BCTD: Tensor) -> Tensor:
        """(B, 2, T, D) -> (B, T, D)."""
        own_BTD, other_BTD = x_BCTD.unbind(1)
        return F.gelu(self.norm(self.first(own_BTD))) + F.gelu(self.norm(self.second(other_BTD)))
