"""Normalisations of (B, T, C) frames whose results never depend on padding.

Letters: B utterances, T frames, C channels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.distributed import gather_with_gradient, world_size

NormName = Literal["channel", "batch", "instance", "layer", "none"]


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


class BatchNorm(nn.Module):
    """Batch normalisation over the real frames of all processes; running statistics when evaluating.

    Names, shapes and numbers of what is stored are those of ``nn.BatchNorm1d``. It is none, on purpose: what replaces
    those by norms over all processes would lose the mask. ``affine=False``: without weight and bias.
    """

    def __init__(self, dim: int, *, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(dim)) if affine else None
        self.bias = nn.Parameter(torch.zeros(dim)) if affine else None
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C), (B, T) -> (B, T, C)."""
        if not self.training:
            return self._fused(x_BTC)
        if world_size() == 1 and mask_BT.numel() > 1 and bool(mask_BT.all()):
            self.num_batches_tracked += 1
            return self._fused(x_BTC)
        real_NC = x_BTC[mask_BT].to(torch.promote_types(x_BTC.dtype, torch.float32))
        mean, var, count = _moments(real_NC)
        self._remember(mean.detach(), var.detach(), count)
        y = (x_BTC - mean) * torch.rsqrt(var + self.eps)
        return (y if self.weight is None else y * self.weight + self.bias).to(x_BTC.dtype)

    def channels_first(self, x_BCT: Tensor, mask_BT: Tensor | None) -> Tensor:
        """(B, C, T) -> (B, C, T), contiguous where no frame is masked; None: none is."""
        alone = world_size() == 1 and mask_BT is None and x_BCT.shape[0] * x_BCT.shape[2] > 1
        if not self.training or alone:
            if self.training:
                self.num_batches_tracked += 1
            running = (self.running_mean, self.running_var)
            return F.batch_norm(x_BCT, *running, self.weight, self.bias, self.training, self.momentum, self.eps)
        if mask_BT is None:
            mask_BT = torch.ones(len(x_BCT), x_BCT.shape[2], dtype=torch.bool, device=x_BCT.device)
        return self(x_BCT.transpose(1, 2), mask_BT).transpose(1, 2)

    def _fused(self, x_BTC: Tensor) -> Tensor:
        """By torch's own, which takes all frames: padding cannot matter."""
        x_NC, running = x_BTC.reshape(-1, x_BTC.shape[2]), (self.running_mean, self.running_var)
        y_NC = F.batch_norm(x_NC, *running, self.weight, self.bias, self.training, self.momentum, self.eps)
        return y_NC.reshape(x_BTC.shape)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        unbiased = var * count / (count - 1).clamp(min=1)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def _moments(x_NC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(C,) mean, (C,) variance and number of the rows of all processes, with their gradients."""
    count = x_NC.new_tensor(float(len(x_NC)))
    mean_C = x_NC.sum(0) / count.clamp(min=1)
    var_C = (x_NC - mean_C).square().sum(0) / count.clamp(min=1)
    if world_size() == 1:
        return mean_C, var_C, count
    means_WC, vars_WC, counts_W1 = (gather_with_gradient(part[None]) for part in (mean_C, var_C, count[None]))
    total = counts_W1.sum().clamp(min=1)
    mean_C = (means_WC * counts_W1).sum(0) / total
    var_C = ((vars_WC + (means_WC - mean_C).square()) * counts_W1).sum(0) / total
    return mean_C, var_C, total


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


class LayerNorm(nn.LayerNorm):
    """As ``ChannelNorm`` with the variance divided by C: what toolkits call layer norm."""

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C); the mask is not needed, every frame stands alone."""
        return super().forward(x_BTC)


class NoNorm(nn.Module):
    """The frames as they are."""

    def forward(self, x_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """(B, T, C) -> the same."""
        return x_BTC


def norm(name: NormName, dim: int, *, eps: float = 1e-5) -> nn.Module:
    """The normalisation called ``name`` for ``dim`` channels; called with (x_BTC, mask_BT)."""
    made = {"channel": ChannelNorm, "batch": BatchNorm, "instance": InstanceNorm, "layer": LayerNorm}
    return NoNorm() if name == "none" else made[name](dim, eps=eps)
