"""The head of DINO: a projector down to a bottleneck, and cosines with many directions.

Caron et al. 2021 (arXiv:2104.14294), Appendix C: 2048, 2048, 256, then 65536 outputs by a layer of weight norm.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..core.distributed import gather_with_gradient, rank
from .projector import Projector
from .prototypes import Prototypes


class DinoHead(nn.Module):
    """Vectors (B, in_dim) -> outputs (B, K) in [-1, 1].

    Args:
        hidden: width of the two layers before the bottleneck.
        bottleneck: width of the vectors that the outputs compare.
        outputs: K.
        norm: batch norm in the two layers, with the statistics of all processes' vectors.
    """

    def __init__(self, in_dim: int, *, hidden: int, bottleneck: int, outputs: int, norm: bool):
        super().__init__()
        self.mlp = Projector(in_dim, (hidden, hidden, bottleneck), norm=norm, activation="gelu")
        for layer in self.mlp.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        self.last = Prototypes(bottleneck, outputs)

    def forward(self, x_BC: Tensor, *, frozen: bool = False) -> Tensor:
        """Outputs of this process's vectors; ``frozen``: the last layer's gradient is zero."""
        B = len(x_BC)
        if self.training:  # all processes hold the same number of vectors
            x_BC = gather_with_gradient(x_BC)
        start = rank() * B if self.training else 0
        return self.last(self.mlp(x_BC)[start : start + B], frozen=frozen)
