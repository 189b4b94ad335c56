"""Convolution over time on padded (B, T, C) frames.

Letters: B utterances, T frames, C channels in, D channels out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames


class Conv(nn.Conv1d):
    """A convolution over time from Frames to Frames, with its own padding on each side.

    Weights are those of ``nn.Conv1d`` (D, C, kernel). What comes out past each length is NOT zero
    yet (the bias is there): call ``masked()`` after the norm and nonlinearity that follow.

    Args:
        in_dim, out_dim: channels.
        kernel, stride: in frames of the input.
        dilation: frames from one tap of the kernel to the next.
        left, right: frames of zeros before and after; ``right=None``: as ``left``.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        kernel: int,
        stride: int = 1,
        left: int = 0,
        right: int | None = None,
        dilation: int = 1,
        bias: bool = True,
    ):
        super().__init__(in_dim, out_dim, kernel, stride=stride, dilation=dilation, bias=bias)
        self.span = (kernel - 1) * dilation + 1  # frames from the first tap to the last
        self.left, self.right = left, left if right is None else right

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        """Where the output frames lie when the input frames lie at ``source``."""
        return source.stack(kernel=self.span, stride=self.stride[0], left=self.left, right=self.right)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, C) -> (B, T', D) with T' as ``stack`` counts it."""
        counts = self.stack(FrameGeometry(frames.geometry.sample_rate)).frames  # input frames in place of samples
        x_BTC, n_out = frames.x_BTD, counts(frames.x_BTD.shape[1])
        y_BTD = self._convolve(x_BTC) if n_out > 0 else x_BTC.new_zeros(x_BTC.shape[0], 0, self.out_channels)
        return Frames(y_BTD, counts(frames.lengths_B), self.stack(frames.geometry))

    def _convolve(self, x_BTC: Tensor) -> Tensor:
        """As an image of height 1 with channels last, which is (B, T, C) in memory: no transposed copies."""
        if self.left == self.right:
            padding = self.left
        else:
            padding, x_BTC = 0, F.pad(x_BTC, (0, 0, self.left, self.right))
        image_BC1T = x_BTC.transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
        weight_DC1K, stride, dilation = self.weight[:, :, None], (1, self.stride[0]), (1, self.dilation[0])
        y_BD1T = F.conv2d(image_BC1T, weight_DC1K, self.bias, stride, (0, padding), dilation)
        return y_BD1T[:, :, 0].transpose(1, 2).contiguous()


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zeros (before, behind) with which n frames give n // stride: kernel - stride in all, an odd one behind.

    Those of Keras and TensorFlow ("SAME") for lengths that the stride divides.
    """
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2
