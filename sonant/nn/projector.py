"""Heads on the vectors of utterances that training throws away: projectors and predictors.

Chen et al. 2020, "A simple framework for contrastive learning" (arXiv:2002.05709), Sec. 4.2: a loss on the output of a
small network leaves more in the vector below it. Methods apply it to the vectors of all processes together, so that
its batch statistics are those of the global batch.

A linear layer has no bias where the next step takes the mean over the batch away.

Letters: C channels of a vector, D channels of the last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ..core import require
from .iter_norm import IterNorm

Widths = tuple[int, ...]  # of a projector's layers
Last = Literal["bias", "none", "batch", "plain", "iter"]
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}


class Projector(nn.Module):
    """Linear layers with batch norm and activation between them: (.., C) -> (.., dim); all vectors are one batch.

    Args:
        in_dim: C.
        widths: of every layer, the last is D; empty: the vectors as they are.
        last: what the last layer has: a ``bias``; ``none``; a ``batch`` norm, ``plain`` when it learns no scale and
            shift; an ``iter`` norm (``IterNorm``).
        norm: whether the layers before have batch norm.
        activation: after every layer but the last.

    Attributes:
        dim: D, or C without layers.
    """

    def __init__(
        self,
        in_dim: int,
        widths: Sequence[int],
        *,
        last: Last = "bias",
        norm: bool = True,
        activation: Literal["relu", "gelu"] = "relu",
    ):
        super().__init__()
        require(all(width >= 1 for width in widths), f"the widths of a projector must be at least 1, got {widths}")
        dims = (in_dim, *widths)
        self.dim, layers = dims[-1], []
        for i, (below, above) in enumerate(zip(dims, dims[1:], strict=False), start=1):
            if i == len(widths):
                layers += [nn.Linear(below, above, bias=last == "bias"), *_last(last, above)]
            else:
                between = [nn.BatchNorm1d(above)] if norm else []
                layers += [nn.Linear(below, above, bias=not norm), *between, ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


def _last(last: Last, dim: int) -> list[nn.Module]:
    if last in ("batch", "plain"):
        return [nn.BatchNorm1d(dim, affine=last == "batch")]
    return [IterNorm(dim)] if last == "iter" else []
