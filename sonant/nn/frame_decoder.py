"""From frames of a representation back to features, each frame by itself.

Letters: B utterances, T frames, C channels of a representation, D channels of a feature frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ..core import require
from .activations import ACTIVATIONS, Activation


@dataclass(frozen=True)
class FrameDecoderConfig:
    """Settings of the decoder."""

    layers: int = 6  # linear layers, the last one included; the released code has 6
    hidden: int = 100  # of the layers below the last; 100 in Kamper et al. 2015
    activation: Activation = "relu"  # of the layers below the last; tanh in Kamper et al. 2015
    output: Literal["linear", "relu"] = "linear"  # relu: as the released code, which then reaches no negative value

    def __post_init__(self):
        require(
            self.layers >= 1 and self.hidden >= 1,
            f"a frame decoder needs layers and hidden of at least 1, got layers {self.layers}, hidden {self.hidden}",
        )


class FrameDecoder(nn.Module):
    """Linear layers with activations between them."""

    def __init__(self, cfg: FrameDecoderConfig, *, in_dim: int, out_dim: int):
        super().__init__()
        self.cfg = cfg
        dims = (in_dim, *(cfg.hidden for _ in range(cfg.layers - 1)), out_dim)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip(dims[:-1], dims[1:], strict=True))

    def forward(self, c_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, D)."""
        *below, last = self.linears
        for linear in below:
            c_BTC = ACTIVATIONS[self.cfg.activation](linear(c_BTC))
        x_BTD = last(c_BTC)
        return x_BTD.relu() if self.cfg.output == "relu" else x_BTD
