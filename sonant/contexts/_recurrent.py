"""What the recurrent contexts share: layers run one after the other, so that each one's output can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import nn

from sonant.core import FrameGeometry, FrameModule, Frames, require


@dataclass(frozen=True)
class RecurrentConfig:
    """Settings of a recurrent context."""

    dim: int = 256  # of every layer's state; CPC uses 256 (CPC-big 512), APC 512
    layers: int = 1  # CPC 1, CPC-small 2, APC 3, CPC-big 4
    residual: bool = False  # true: every layer after the first adds its input to its output (APC)
    dropout: float = 0.0  # on what goes from one layer to the next, while training

    def __post_init__(self):
        require(
            self.dim >= 1 and self.layers >= 1,
            f"a recurrent context needs dim and layers of at least 1, got dim {self.dim}, layers {self.layers}",
        )
        require(0 <= self.dropout < 1, f"dropout of a recurrent context must lie in [0, 1), got {self.dropout}")


class Recurrent(FrameModule):
    """A stack of unidirectional recurrent layers that start from zero at every utterance.

    Padding lies after the real frames and a layer never looks ahead, so that it needs no packing.
    """

    kind: ClassVar[type[nn.RNNBase]]
    past, future = None, 0

    def __init__(self, cfg: RecurrentConfig, *, source: FrameGeometry, in_dim: int):
        super().__init__()
        self.cfg, self.geometry, self.dim = cfg, source, cfg.dim
        dims = (in_dim, *(cfg.dim for _ in range(cfg.layers - 1)))
        self.rnns = nn.ModuleList(self.kind(dim, cfg.dim, batch_first=True) for dim in dims)

    @property
    def layers(self) -> tuple[str, ...]:
        """``layer_1`` .. up to the last but one, whose output is the context's own."""
        return tuple(f"layer_{i}" for i in range(1, self.cfg.layers))

    def forward(self, frames: Frames) -> Frames:
        """(B, T, in_dim) -> (B, T, dim)."""
        return self.forward_layers(frames)[0]

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """The last layer's frames, and those of the layers below it by name."""
        outputs, x_BTD = [], frames.x_BTD
        for i, rnn in enumerate(self.rnns):
            if i > 0:
                x_BTD = F.dropout(x_BTD, self.cfg.dropout, self.training)
            empty = x_BTD.shape[0] == 0 or x_BTD.shape[1] == 0
            y_BTD = x_BTD.new_zeros(*x_BTD.shape[:2], self.dim) if empty else rnn(x_BTD)[0]
            x_BTD = y_BTD + x_BTD if self.cfg.residual and i > 0 else y_BTD
            outputs.append(frames.with_x(x_BTD).masked())
        return outputs[-1], dict(zip(self.layers, outputs, strict=False))
