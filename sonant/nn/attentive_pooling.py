"""Pooling over time by statistics and by learnt attention. Padding has no weight.

    statistics   mean, standard deviation                    Snyder et al. 2018, "X-vectors", Sec. 2.1
    SAP          sum_t w_t h_t, w = softmax_t(a . tanh(W h_t + b))       Cai et al. 2018 (arXiv:1804.05160), Sec. 3.3
    ASP          mean_c = sum_t w_tc h_tc and the deviation by the same weights, one softmax a channel
                 Okabe et al. 2018 (arXiv:1803.10963); with the statistics of the whole utterance beside each frame that
                 is scored ("context"), Desplanques et al. 2020 (arXiv:2005.07143), Sec. 2.2

Letters: B utterances, T frames, C channels of a frame, A channels of the attention.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..core import Frames, require
from .norm import BatchNorm

Deviation = Literal["none", "population", "unbiased"]
Floor = Literal["clamp", "add"]
Net = Literal["relu_batch_tanh", "tanh", "relu_batch"]


class Statistics(nn.Module):
    """(B, T, C) -> (B, C or 2 C): mean of every channel, then its standard deviation.

    Args:
        deviation: divided by the number of frames (population) or by one less (unbiased), or left out.
        floor: of the variance; ``floor_by``: the variance is at least that (clamp), or that is added to it.
    """

    def __init__(self, in_dim: int, *, deviation: Deviation, floor: float, floor_by: Floor):
        super().__init__()
        self.deviation, self.floor, self.floor_by = deviation, floor, floor_by
        self.dim = in_dim if deviation == "none" else 2 * in_dim

    def forward(self, frames: Frames) -> Tensor:
        """An utterance without frames gives a mean of zero and the deviation of the floor."""
        x_BTC = at_least_single(frames.x_BTD).masked_fill(~frames.mask_BT[:, :, None], 0.0)
        count_B1 = frames.lengths_B.clamp(min=1)[:, None]
        mean_BC = x_BTC.sum(1) / count_B1
        if self.deviation == "none":
            return mean_BC.to(frames.x_BTD.dtype)
        away_BTC = (x_BTC - mean_BC[:, None]).masked_fill(~frames.mask_BT[:, :, None], 0.0)
        divisor_B1 = count_B1 if self.deviation == "population" else (count_B1 - 1).clamp(min=1)
        var_BC = away_BTC.square().sum(1) / divisor_B1
        var_BC = var_BC + self.floor if self.floor_by == "add" else var_BC.clamp(min=self.floor)
        return torch.cat([mean_BC, var_BC.sqrt()], dim=1).to(frames.x_BTD.dtype)


class SelfAttentivePool(nn.Module):
    """(B, T, C) -> (B, C): frames weighted by one softmax over time."""

    def __init__(self, in_dim: int):
        super().__init__()
        self.linear, self.dim = nn.Linear(in_dim, in_dim), in_dim
        self.attention = nn.Parameter(torch.randn(in_dim) * (2 / (in_dim + 1)) ** 0.5)

    def forward(self, frames: Frames) -> Tensor:
        """An utterance without frames gives zeros."""
        score_BT = torch.tanh(self.linear(frames.x_BTD)) @ self.attention
        weight_BT1 = softmax_over_time(score_BT[:, :, None], frames.mask_BT)
        return (weight_BT1 * frames.x_BTD).sum(1).to(frames.x_BTD.dtype)


class AttentiveStatistics(nn.Module):
    """(B, T, C) -> (B, C or 2 C): mean and deviation of every channel, by weights of its own.

    Args:
        size: channels A of the attention.
        net: what stands between its two linear layers: ReLU, batch norm, tanh (SpeechBrain's ECAPA-TDNN), tanh alone
            (wespeaker), or ReLU and batch norm.
        context: mean and deviation over the whole utterance beside every frame that is scored.
        deviation, floor, floor_by: of that context, as in ``Statistics``; ``none``: means only, of the result too. The
            weighted variance of the result is at least ``floor``.
    """

    def __init__(
        self,
        in_dim: int,
        *,
        size: int,
        net: Net,
        context: bool,
        deviation: Deviation,
        floor: float,
        floor_by: Floor,
    ):
        super().__init__()
        self.net, self.deviation, self.floor = net, deviation, floor
        whole = Statistics(in_dim, deviation=deviation, floor=floor, floor_by=floor_by)
        self.context, self.dim = whole if context else None, whole.dim
        self.enter = nn.Linear(in_dim + (whole.dim if context else 0), size)
        self.norm = None if net == "tanh" else BatchNorm(size)
        self.score = nn.Linear(size, in_dim)

    def forward(self, frames: Frames) -> Tensor:
        """An utterance without frames gives means of zero."""
        weight_BTC = softmax_over_time(self.score(self._hidden(frames)), frames.mask_BT)
        x_BTC = at_least_single(frames.x_BTD).masked_fill(~frames.mask_BT[:, :, None], 0.0)
        mean_BC = (weight_BTC * x_BTC).sum(1)
        if self.deviation == "none":
            return mean_BC.to(frames.x_BTD.dtype)
        var_BC = (weight_BTC * (x_BTC - mean_BC[:, None]).square()).sum(1)
        return torch.cat([mean_BC, var_BC.clamp(min=self.floor).sqrt()], dim=1).to(frames.x_BTD.dtype)

    def _hidden(self, frames: Frames) -> Tensor:
        """(B, T, A); what the context adds is the same for every frame, and is multiplied once an utterance."""
        if self.context is None:
            h_BTA = self.enter(frames.x_BTD)
        else:
            own_AC, rest_AD = self.enter.weight.split([frames.dim, self.context.dim], dim=1)
            h_BTA = frames.x_BTD @ own_AC.T + (self.context(frames) @ rest_AD.T + self.enter.bias)[:, None]
        if self.norm is not None:
            h_BTA = self.norm(h_BTA.relu(), frames.mask_BT)
        return h_BTA if self.net == "relu_batch" else torch.tanh(h_BTA)


def softmax_over_time(score_BTC: Tensor, mask_BT: Tensor) -> Tensor:
    """(B, T, C) weights that sum to 1 over the real frames, exact zeros elsewhere (everywhere if none is real)."""
    score_BTC = at_least_single(score_BTC)
    mask_BT1 = mask_BT[:, :, None]
    lowest = torch.finfo(score_BTC.dtype).min
    return score_BTC.masked_fill(~mask_BT1, lowest).softmax(dim=1) * mask_BT1


def at_least_single(x: Tensor) -> Tensor:
    """Half precision as float32, the rest as it is: sums over time."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def check_pooling(*, attention: int, floor: float) -> None:
    """Raise SonantError for sizes and floors that cannot be."""
    require(attention >= 1, f"embedding: attention must be at least 1, got {attention}")
    require(floor > 0, f"embedding: floor must be above 0, got {floor:g}: the slope of a root is infinite at 0")
