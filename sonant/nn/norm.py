"""Normalisations of (B, T, C) frames whose results never depend on padding.

Letters: B utterances, T frames, C channels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NormName = Literal["channel", "batch", "instance", "none"]


class ChannelNorm(nn.Module):
    """Each frame to mean 0 and variance 1 over its channels, then an affine map (CPC_audio's "layerNorm").

    y = (x - mean) / sqrt(var + eps) * weight + bias with the UNBIASED variance (divided by C - 1).
    Written with the fused layer norm, whose variance is biased: var = biased * C / (C - 1), so
    y = sqrt((C - 1) / C) * layer_norm(x, eps * (C - 1) / C), which is exact.
    """

    def __init__(self, dim: int, *, eps: float = 1e-5):
        super().__init__()
        self.dim, self.eps = dim, eps
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C); the mask is not needed, every frame stands alone."""
        ratio = (self.dim - 1) / self.dim
        return F.layer_norm(x_BTC, (self.dim,), self.weight * ratio**0.5, self.bias, self.eps * ratio)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the real frames only; running statistics when evaluating.

    Statistics are those of this process's part of the batch.
    """

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C), (B, T) -> (B, T, C)."""
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            real_NC = x_BTC[mask_BT].to(torch.promote_types(x_BTC.dtype, torch.float32))
            mean, var = real_NC.mean(0), real_NC.var(0, unbiased=False)
            self._remember(mean.detach(), var.detach(), real_NC.shape[0])
        y = (x_BTC - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias
        return y.to(x_BTC.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * count / max(count - 1, 1), self.momentum)


class InstanceNorm(nn.Module):
    """Each channel of each utterance to mean 0 and variance 1 over its real frames, then an affine map.

    Every frame then depends on the whole utterance.
    """

    def __init__(self, dim: int, *, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C), (B, T) -> (B, T, C)."""
        x, mask = x_BTC.to(torch.promote_types(x_BTC.dtype, torch.float32)), mask_BT[:, :, None]
        count = mask.sum(1, keepdim=True).clamp(min=1)
        mean = x.masked_fill(~mask, 0.0).sum(1, keepdim=True) / count
        var = ((x - mean).masked_fill(~mask, 0.0) ** 2).sum(1, keepdim=True) / count
        return ((x - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias).to(x_BTC.dtype)


class NoNorm(nn.Module):
    """The frames as they are."""

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C) -> the same."""
        return x_BTC


def norm(name: NormName, dim: int) -> nn.Module:
    """The normalisation called ``name`` for ``dim`` channels; called with (x_BTC, mask_BT)."""
    return {
        "channel": lambda: ChannelNorm(dim),
        "batch": lambda: BatchNorm(dim),
        "instance": lambda: InstanceNorm(dim),
        "none": NoNorm,
    }[name]()
