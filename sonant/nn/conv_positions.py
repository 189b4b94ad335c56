"""Positions that a convolution over the frames tells: the surroundings of each frame, added to it.

wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477, Sec. 2): one grouped convolution of 128 frames with GELU.
data2vec (Baevski et al. 2022, arXiv:2202.03555, Sec. 4.1 and its code): five of 19 frames one on the other, each with
a layer norm that has no weights.

Letters: B utterances, T frames, D channels.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import require

from .activations import ACTIVATIONS, Activation


class ConvPositions(nn.Module):
    """Grouped convolutions over time, of which each sees zeros beyond an utterance's ends.

    The weights are plain ones; the weight norm with which some train is folded into them.

    Args:
        dim: channels in and out.
        kernel: frames of each convolution, kernel // 2 of them before its own frame.
        groups: must divide ``dim``.
        layers: convolutions one on the other.
        norm: layer norm without weights between a convolution and its activation.
    """

    def __init__(
        self,
        dim: int,
        *,
        kernel: int,
        groups: int,
        layers: int = 1,
        norm: bool = False,
        activation: Activation = "gelu",
    ):
        super().__init__()
        require(dim % groups == 0, f"positions: groups ({groups}) must divide the dimension ({dim})")
        self.before, self.after = kernel // 2, kernel - 1 - kernel // 2
        self.convs = nn.ModuleList(nn.Conv1d(dim, dim, kernel, groups=groups) for _ in range(layers))
        self.norm = norm
        self.activation = ACTIVATIONS[activation]
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=math.sqrt(4 / (kernel * dim)))
            nn.init.zeros_(conv.bias)

    def forward(self, x_BTD: Tensor, seen_BT: Tensor | None) -> Tensor:
        """(B, T, D) -> (B, T, D); where ``seen_BT`` is false nothing is read. None: every frame is real."""
        if x_BTD.shape[1] == 0:
            return x_BTD
        for conv in self.convs:
            if seen_BT is not None:
                x_BTD = x_BTD.masked_fill(~seen_BT[:, :, None], 0.0)
            x_BTD = conv(F.pad(x_BTD.transpose(1, 2), (self.before, self.after))).transpose(1, 2)
            x_BTD = self.activation(F.layer_norm(x_BTD, x_BTD.shape[-1:]) if self.norm else x_BTD)
        return x_BTD
