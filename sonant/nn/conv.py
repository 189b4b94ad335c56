"""Convolution over time on padded (B, T, C) frames.

Letters: B utterances, T frames, C channels in, D channels out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import FrameGeometry, Frames, State, require
from sonant.core.streaming import numbers

from .prepared import Prepared

FEW = 200  # windows below which a CPU multiplies them faster than it convolves


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
        self._taps = Prepared(taps_first)

    def stack(self, source: FrameGeometry) -> FrameGeometry:
        """Where the output frames lie when the input frames lie at ``source``."""
        return source.stack(kernel=self.span, stride=self.stride[0], left=self.left, right=self.right)

    def forward(self, frames: Frames) -> Frames:
        """(B, T, C) -> (B, T', D) with T' as ``stack`` counts it."""
        counts = self.stack(FrameGeometry(frames.geometry.sample_rate)).frames  # input frames in place of samples
        x_BTC, n_out = frames.x_BTD, counts(frames.x_BTD.shape[1])
        y_BTD = (
            self._convolve(x_BTC, self.left, self.right)
            if n_out > 0
            else x_BTC.new_zeros(x_BTC.shape[0], 0, self.out_channels)
        )
        return Frames(y_BTD, counts(frames.lengths_B), self.stack(frames.geometry))

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> Tensor:
        """The zeros before the first frame; see ``core.Streamable``."""
        require(self.span >= self.stride[0], f"a convolution that skips frames cannot be streamed: {self}")
        self._taps.forget()
        return torch.zeros(batch, self.left, self.in_channels, device=device, dtype=dtype)

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """As many frames kept as every step leaves, and the number of the next one; see ``core.Even``."""
        span, stride = self.span, self.stride[0]
        require(span >= stride, f"a convolution that skips frames cannot be streamed: {self}")
        kept = span - 1 - (span - 1 - self.left + early) % stride  # its windows lie as those of the whole
        tail_BKC = torch.zeros(batch, kept, self.in_channels, device=device, dtype=dtype)
        state = {"tail": tail_BKC, "number": torch.tensor(-early, device=device)} if early else tail_BKC
        return state, (early + kept - self.left) // stride

    def step(self, x_BTC: Tensor, state: State) -> tuple[Tensor, State]:
        """The frames that (B, T, C) completes; the state is the input (B, K, C) that later ones stand on."""
        if isinstance(state, dict):
            number, T = state["number"], x_BTC.shape[1]
            x_BTC = x_BTC.masked_fill((numbers(number, T) < 0)[:, None], 0.0)
            y_BTD, tail_BKC = self.step(x_BTC, state["tail"])
            return y_BTD, {"tail": tail_BKC, "number": number + T}
        x_BTC, stride = torch.cat([state, x_BTC], dim=1), self.stride[0]
        n_out = max((x_BTC.shape[1] - self.span) // stride + 1, 0)
        if n_out == 0:
            return x_BTC.new_zeros(len(x_BTC), 0, self.out_channels), x_BTC
        used_BTC = x_BTC[:, : (n_out - 1) * stride + self.span]
        few = x_BTC.device.type == "cpu" and self.dilation == (1,) and len(x_BTC) * n_out <= FEW
        few = few and not (torch.compiler.is_compiling() or torch.jit.is_tracing())
        y_BTD = self._multiply(used_BTC) if few else self._convolve(used_BTC, 0, 0)
        return y_BTD, x_BTC[:, n_out * stride :]

    def _multiply(self, x_BTC: Tensor) -> Tensor:
        """Windows side by side, which lie in memory as the weights with taps first, times these."""
        windows_BTW = x_BTC.flatten(1).unfold(1, self.span * self.in_channels, self.stride[0] * self.in_channels)
        rows_NW, taps_WD = windows_BTW.reshape(-1, windows_BTW.shape[2]), self._taps(self.weight)
        y_ND = rows_NW @ taps_WD if self.bias is None else torch.addmm(self.bias, rows_NW, taps_WD)
        return y_ND.unflatten(0, (len(x_BTC), -1))

    def _apply(self, *args, **kwargs):
        self._taps.forget()
        return super()._apply(*args, **kwargs)

    def _convolve(self, x_BTC: Tensor, left: int, right: int) -> Tensor:
        """As an image of height 1 with channels last, which is (B, T, C) in memory: no transposed copies."""
        if left == right:
            padding = left
        else:
            padding, x_BTC = 0, F.pad(x_BTC, (0, 0, left, right))
        image_BC1T = x_BTC.transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
        weight_DC1K, stride, dilation = self.weight[:, :, None], (1, self.stride[0]), (1, self.dilation[0])
        y_BD1T = F.conv2d(image_BC1T, weight_DC1K, self.bias, stride, (0, padding), dilation)
        return y_BD1T[:, :, 0].transpose(1, 2).contiguous()


def taps_first(weight_DCK: Tensor) -> Tensor:
    """(D, C, K) -> (K C, D), which a window of K frames is multiplied with."""
    return weight_DCK.permute(2, 1, 0).flatten(0, 1).contiguous()


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zeros (before, behind) with which n frames give n // stride: kernel - stride in all, an odd one behind.

    Those of Keras and TensorFlow ("SAME") for lengths that the stride divides.
    """
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2
