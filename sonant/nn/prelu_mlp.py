"""The head of most workers of PASE: layers with PReLU over the channels of every frame by itself.

Pascual et al. 2019 (arXiv:1904.03416), Sec. 2.2: "a simple MLP with a single hidden layer of 256 units with PReLU".

Letters: B utterances, T frames, C channels, N frames of all utterances.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable


class PReLU(nn.PReLU):
    """A slope for each channel of (..., C), or of (B, C, T)."""

    def __init__(self, dim: int, init: float = 0.25):
        super().__init__(dim, init)

    def forward(self, x: Tensor, *, channels_first: bool = False) -> Tensor:
        """The same shape; with ``channels_first`` the channels are dimension 1."""
        slope_C = self.weight.to(x.dtype)
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
            return _PReLU.apply(x, slope_C[:, None] if channels_first else slope_C)
        return F.prelu(x, slope_C) if channels_first else F.prelu(x.reshape(-1, x.shape[-1]), slope_C).view_as(x)


class _PReLU(torch.autograd.Function):
    """torch's own takes four times as long for its gradient on a CPU."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return x.clamp(min=0).addcmul_(x.clamp(max=0), slope)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        grad_slope = x.clamp(max=0).mul_(grad).sum_to_size(slope.shape)
        grad_x = torch.ops.aten.threshold_backward(grad, x, 0)
        return grad_x.addcmul_(grad - grad_x, slope), grad_slope


class PReLUMLP(nn.Module):
    """``layers`` times (linear, PReLU, dropout), then a linear map."""

    def __init__(self, in_dim: int, out_dim: int, *, hidden: int = 256, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        dims = [in_dim] + [hidden] * layers
        blocks = [
            nn.Sequential(nn.Linear(a, b), PReLU(b), nn.Dropout(dropout)) for a, b in zip(dims, dims[1:], strict=False)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(dims[-1], out_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_dim) -> (..., out_dim)."""
        return self.out(self.blocks(x))

    def channels_first(self, x_BCT: Tensor) -> Tensor:
        """(B, in_dim, T) -> (B, out_dim, T)."""
        for linear, slope, dropout in self.blocks:
            x_BCT = dropout(slope(_convolved(x_BCT, linear), channels_first=True))
        return _convolved(x_BCT, self.out)


def _convolved(x_BCT: Tensor, linear: nn.Linear) -> Tensor:
    return F.conv1d(x_BCT, linear.weight[:, :, None], linear.bias)
