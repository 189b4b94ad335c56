"""One vector per utterance by time-delay layers and statistics pooling.

Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition", Table 1, in the sizes of SUPERB (Yang
et al. 2021, arXiv:2105.01051): the vector is the output of the first linear layer after the pooling.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import Frames

TAPS = ((5, 1), (3, 2), (3, 3), (1, 1), (1, 1))  # kernel and dilation of each layer
REACH = 1 + sum((kernel - 1) * dilation for kernel, dilation in TAPS)  # frames that one output frame sees


class XVector(nn.Module):
    """Frames (B, T, in_dim) -> (B, dim).

    Args:
        in_dim: channels of the frames.
        dim: of the time-delay layers and of the vector.
        pool_dim: channels that are pooled.
    """

    def __init__(self, in_dim: int, *, dim: int = 512, pool_dim: int = 1500):
        super().__init__()
        dims = (in_dim, dim, dim, dim, dim, pool_dim)
        self.convs = nn.ModuleList(
            nn.Conv1d(dims[i], dims[i + 1], kernel, dilation=dilation) for i, (kernel, dilation) in enumerate(TAPS)
        )
        self.linear, self.dim = nn.Linear(2 * pool_dim, dim), dim

    def forward(self, frames: Frames) -> Tensor:
        """One vector per utterance; those of fewer than 15 frames see zeros behind them."""
        x_BDT = frames.masked().x_BTD.transpose(1, 2)
        x_BDT = F.pad(x_BDT, (0, max(REACH - x_BDT.shape[2], 0)))
        for conv in self.convs:
            x_BDT = conv(x_BDT).relu()
        lengths_B = (frames.lengths_B - REACH + 1).clamp(min=1)
        return self.linear(mean_and_deviation(x_BDT.transpose(1, 2), lengths_B))


def mean_and_deviation(x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    """(B, 2 D) mean and standard deviation of every channel over the real frames."""
    mask_BT1 = (torch.arange(x_BTD.shape[1], device=x_BTD.device) < lengths_B[:, None])[:, :, None]
    count_B1 = lengths_B[:, None]
    mean_BD = x_BTD.masked_fill(~mask_BT1, 0.0).sum(1) / count_B1
    var_BD = (x_BTD - mean_BD[:, None]).square().masked_fill(~mask_BT1, 0.0).sum(1) / count_B1
    return torch.cat([mean_BD, var_BD.clamp(min=1e-8).sqrt()], dim=1)
