"""Batch norm, parametric ReLU and mirrored ends in one: what lies between two convolutions of PASE.

    y = norm(x)     z = max(y, 0) + slope * min(y, 0)     out = z mirrored at both ends of each utterance

On a CPU, in training and with nothing padded, this is one autograd function that keeps x alone and computes y again
when the gradient comes; written one after the other these three keep three tensors of the size of x and take twice
the time, which counts where frames are samples. Everything else goes through torch's own.

Letters: B utterances, C channels, T frames, P frames with the mirrored ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from ..core import mask_of
from ..core.distributed import world_size
from .norm import BatchNorm
from .reflect import reflect


class NormPReLU(nn.Module):
    """(B, C, T) -> (B, C, left + T + right).

    Args:
        dim: C.
        slopes: number of slopes, C or 1 for one that all channels share.
        slope: their value before training.
    """

    def __init__(self, dim: int, *, slopes: int, slope: float):
        super().__init__()
        self.norm = BatchNorm(dim)
        self.slope = nn.Parameter(torch.full((slopes,), slope))

    def forward(self, x_BCT: Tensor, lengths_B: Tensor | None, *, left: int = 0, right: int = 0) -> Tensor:
        """Mirrored at the ends of each of ``lengths_B``; None: nothing is padded.

        Frame ``left + t`` of the result is frame t of the input. What stands behind ``left + length + right`` of an
        utterance means nothing.
        """
        norm, T = self.norm, x_BCT.shape[2]
        plain = lengths_B is None and world_size() == 1 and x_BCT.device.type == "cpu" and max(left, right) < T
        if norm.training and plain and x_BCT.dtype == self.slope.dtype and x_BCT.shape[0] * T > 1:
            norm.num_batches_tracked += 1
            running = (norm.running_mean, norm.running_var, norm.momentum, norm.eps)
            return _NormPReLU.apply(x_BCT, norm.weight, norm.bias, self.slope, running, (left, right))
        mask_BT = None if lengths_B is None else mask_of(lengths_B, T)
        y_BCT = F.prelu(norm.channels_first(x_BCT, mask_BT), self.slope.to(x_BCT.dtype))
        return mirrored(y_BCT, lengths_B, left=left, right=right)


def mirrored(x_BCT: Tensor, lengths_B: Tensor | None, *, left: int, right: int) -> Tensor:
    """``reflect`` of (B, C, T); ``lengths_B=None``: nothing is padded."""
    T = x_BCT.shape[2]
    if lengths_B is None and left + right and max(left, right) < T:
        return F.pad(x_BCT, (left, right), mode="reflect")
    if lengths_B is None:
        lengths_B = torch.full((len(x_BCT),), T, device=x_BCT.device)
    return reflect(x_BCT.transpose(1, 2), lengths_B, left=left, right=right).transpose(1, 2)


class _NormPReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        x_BCT: Tensor,
        weight_C: Tensor,
        bias_C: Tensor,
        slope_S: Tensor,
        running: tuple[Tensor, Tensor, float, float],
        ends: tuple[int, int],
    ) -> Tensor:
        B, C, T = x_BCT.shape
        y_BCT, mean_C, scale_C = torch.native_batch_norm(x_BCT, weight_C, bias_C, *running[:2], True, *running[2:])
        out_BCP = x_BCT.new_empty(B, C, ends[0] + T + ends[1])
        inner_BCT = out_BCP[:, :, ends[0] : ends[0] + T]
        torch.clamp(y_BCT, min=0, out=inner_BCT)
        inner_BCT.addcmul_(y_BCT.clamp_(max=0), slope_S[:, None])
        _mirror_(out_BCP, *ends)
        ctx.save_for_backward(x_BCT, weight_C, bias_C, slope_S, mean_C, scale_C)
        ctx.eps, ctx.ends = running[3], ends
        return out_BCP

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x_BCT, weight_C, bias_C, slope_S, mean_C, scale_C = ctx.saved_tensors
        g_BCT = _fold(grads[0], *ctx.ends)
        factor_C = weight_C * scale_C
        y_BCT = torch.addcmul((bias_C - mean_C * factor_C)[:, None], x_BCT, factor_C[:, None])
        open_BCT = torch.ops.aten.threshold_backward(g_BCT, y_BCT, 0)
        grad_slope_C = y_BCT.clamp_(max=0).mul_(g_BCT).sum((0, 2))
        grad_slope = grad_slope_C if len(slope_S) > 1 else grad_slope_C.sum(0, keepdim=True)
        g_BCT = torch.lerp(open_BCT, g_BCT, slope_S[:, None].expand(x_BCT.shape[1], 1))
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            g_BCT, x_BCT, weight_C, None, None, mean_C, scale_C, True, ctx.eps, [True, True, True]
        )
        return grad_x, grad_weight, grad_bias, grad_slope, None, None


def _mirror_(x_BCP: Tensor, left: int, right: int) -> None:
    """Fill the ``left`` first and ``right`` last frames with those beside them, mirrored."""
    P = x_BCP.shape[2]
    if left:
        x_BCP[:, :, :left] = x_BCP[:, :, left + 1 : 2 * left + 1].flip(2)
    if right:
        x_BCP[:, :, P - right :] = x_BCP[:, :, P - 2 * right - 1 : P - right - 1].flip(2)


def _fold(g_BCP: Tensor, left: int, right: int) -> Tensor:
    """(B, C, T) gradients of the frames from those of the mirrored ones."""
    P = g_BCP.shape[2]
    if not left + right:
        return g_BCP
    g_BCT = g_BCP[:, :, left : P - right].clone(memory_format=torch.contiguous_format)
    if left:
        g_BCT[:, :, 1 : left + 1] += g_BCP[:, :, :left].flip(2)
    if right:
        T = g_BCT.shape[2]
        g_BCT[:, :, T - 1 - right : T - 1] += g_BCP[:, :, P - right :].flip(2)
    return g_BCT
