"""Residual blocks of two-dimensional convolutions on padded spectrograms.

An image is (B, C, F, T): what stands past the length of an utterance is zero between the layers and takes no part in
any statistic. A batch without padding has no mask (``None``) and pays nothing for that.

Memory is channels-last, in which small convolutions are fastest on CPUs and GPUs alike.

Letters: B utterances, C channels, F frequencies, T frames.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Order = Literal["conv_relu_norm", "conv_norm_relu"]
Pad = Literal["both", "end"]


class ImageConv(nn.Conv2d):
    """A convolution with zeros around it: as many frames as ``stride`` leaves of them, rounded up.

    ``pad``: zeros on both sides alike; or at the end first, as Keras does with strides above 1 (``SAME``): none before
    an even size, one after it. Keras pads odd sizes on both sides; so does this along frequency, whose size is always
    the same, while along time, where lengths differ, it keeps to the end.
    """

    def __init__(self, in_dim: int, dim: int, *, kernel: int, stride=(1, 1), pad: Pad = "both", bias: bool = False):
        at_end = pad == "end" and kernel > 1
        super().__init__(in_dim, dim, kernel, stride=stride, padding=0 if at_end else kernel // 2, bias=bias)
        self.at_end = at_end

    @property
    def time_padding(self) -> tuple[int, int]:
        """Frames of zeros before and after."""
        size = self.kernel_size[1]
        return (0, size - 1) if self.at_end and self.stride[1] > 1 else (size // 2, size // 2)

    def forward(self, x_BCFT: Tensor) -> Tensor:
        if self.at_end:
            size = self.kernel_size[0]
            even = self.stride[0] > 1 and x_BCFT.shape[2] % 2 == 0
            around = (0, size - 2) if even else (size // 2, size // 2)
            x_BCFT = functional.pad(x_BCFT, (*self.time_padding, *around))
        return super().forward(x_BCFT)


class SqueezeExcite(nn.Module):
    """Every channel times a number in (0, 1) read from the means of all channels (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, dim: int, reduction: int):
        super().__init__()
        self.squeeze, self.excite = nn.Linear(dim, dim // reduction), nn.Linear(dim // reduction, dim)

    def forward(self, x_BCFT: Tensor, mask_B11T: Tensor | None) -> Tensor:
        """(B, C, F, T), zero past each length."""
        frames = x_BCFT.shape[3] if mask_B11T is None else mask_B11T.sum((2, 3)).clamp(min=1)
        wide = torch.float32 if x_BCFT.dtype == torch.float16 else None  # whose largest number a sum may pass
        mean_BC = x_BCFT.sum((2, 3), dtype=wide) / (frames * x_BCFT.shape[2])
        gate_BC = torch.sigmoid(self.excite(self.squeeze(mean_BC.to(x_BCFT.dtype)).relu()))
        return x_BCFT * gate_BC[:, :, None, None]


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + squeeze(norm(conv(norm(relu(conv(x)))))); ``order`` puts the first norm before its ReLU.

    The shortcut is the image itself, or a 1x1 convolution and a norm where stride or channels change.
    """

    def __init__(self, in_dim: int, dim: int, *, stride: int, order: Order, squeeze: int | None, bias: bool, pad: Pad):
        super().__init__()
        self.order, strides = order, (stride, stride)
        self.conv1 = ImageConv(in_dim, dim, kernel=3, stride=strides, pad=pad, bias=bias)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv2 = ImageConv(dim, dim, kernel=3, bias=bias)
        self.norm2 = nn.BatchNorm2d(dim)
        self.squeeze = SqueezeExcite(dim, squeeze) if squeeze else None
        changes = stride != 1 or in_dim != dim
        self.shortcut = ImageConv(in_dim, dim, kernel=1, stride=strides, bias=bias) if changes else None
        self.shortcut_norm = nn.BatchNorm2d(dim) if changes else None

    def forward(self, x_BCFT: Tensor, mask_B11T: Tensor | None) -> Tensor:
        """(B, C, F, T) -> (B, dim, F', T'), zero past each length; ``mask_B11T`` is that of the result."""
        y = norm_and_relu(self.conv1(x_BCFT), self.norm1, mask_B11T, self.order)
        y = normed(self.norm2, self.conv2(y), mask_B11T)
        if self.squeeze is not None:
            y = self.squeeze(y, mask_B11T)
        if self.shortcut is not None:
            x_BCFT = normed(self.shortcut_norm, self.shortcut(x_BCFT), mask_B11T)
        return torch.relu_(y + x_BCFT)


def norm_and_relu(x_BCFT: Tensor, norm: nn.Module, mask_B11T: Tensor | None, order: Order) -> Tensor:
    """Both in the order that is asked."""
    if order == "conv_relu_norm":
        return normed(norm, torch.relu_(x_BCFT), mask_B11T)
    return torch.relu_(normed(norm, x_BCFT, mask_B11T))


def normed(norm: nn.Module, x_BCFT: Tensor, mask_B11T: Tensor | None) -> Tensor:
    """A batch norm, of one process or of several, over the real frames; zero past each length."""
    if mask_B11T is None:
        return norm(x_BCFT)
    if not norm.training:
        return norm(x_BCFT).masked_fill(~mask_B11T, 0.0)
    mask_BT = mask_B11T[:, 0, 0]
    real_NFC = x_BCFT.permute(0, 3, 2, 1)[mask_BT]  # N real frames of all utterances, as images of one frame
    real_NFC = norm(real_NFC.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)
    y_BTFC = x_BCFT.new_zeros(x_BCFT.permute(0, 3, 2, 1).shape)
    y_BTFC[mask_BT] = real_NFC.to(y_BTFC.dtype)
    return y_BTFC.permute(0, 3, 2, 1)
