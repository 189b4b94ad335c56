"""A learnt mixture of the layers of an encoder.

Peters et al. 2018 (arXiv:1802.05365), equation 1, without its common factor; Yang et al. 2021 (arXiv:2105.01051),
Sec. 3.

    y_t = sum_k softmax(w)_k x_kt        w = 0 at the start: the plain mean

Letters: K layers, B utterances, T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core import Frames, require


class LayerSum(nn.Module):
    """Frames of K layers -> their weighted sum; one layer passes as it is.

    Args:
        count: K.
        layer_norm: each frame of each layer is brought to mean 0 and variance 1 first.
    """

    def __init__(self, count: int, *, layer_norm: bool = False):
        super().__init__()
        self.count, self.layer_norm = count, layer_norm
        self.raw_K = nn.Parameter(torch.zeros(count), requires_grad=count > 1)

    @property
    def weights_K(self) -> Tensor:
        """(K,) positive weights whose sum is 1."""
        return torch.softmax(self.raw_K, dim=0)

    def forward(self, layers: Sequence[Frames]) -> Frames:
        """K times (B, T, D) -> (B, T, D). Raises SonantError for layers of different sizes."""
        shapes = {frames.x_BTD.shape for frames in layers}
        require(len(layers) == self.count, f"a sum of {self.count} layers was given {len(layers)}")
        require(len(shapes) == 1, f"layers of different sizes cannot be summed: {sorted(map(tuple, shapes))}")
        x_layers = [frames.x_BTD for frames in layers]
        if self.layer_norm:
            x_layers = [F.layer_norm(x_BTD, x_BTD.shape[-1:]) for x_BTD in x_layers]
        if self.count == 1:
            return layers[0].with_x(x_layers[0])
        weights_K = self.weights_K
        total_BTD = weights_K[0] * x_layers[0]
        for k in range(1, self.count):
            total_BTD = total_BTD + weights_K[k] * x_layers[k]
        return layers[0].with_x(total_BTD)
