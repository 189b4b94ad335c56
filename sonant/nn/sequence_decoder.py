"""From one vector back to a sequence of frames.

Letters: B utterances, T frames, E channels of a vector, H of a state, D of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..core import require


@dataclass(frozen=True)
class SequenceDecoderConfig:
    """Settings of the decoder."""

    hidden: int = 400  # of every layer's state; Kamper 2019
    layers: int = 3  # GRU layers; Kamper 2019

    def __post_init__(self):
        require(
            self.hidden >= 1 and self.layers >= 1,
            f"a sequence decoder needs hidden and layers of at least 1, got hidden {self.hidden}, layers {self.layers}",
        )


class SequenceDecoder(nn.Module):
    """A stack of GRUs that reads the same vector, after a linear layer, at every step; then a linear layer."""

    def __init__(self, cfg: SequenceDecoderConfig, *, in_dim: int, out_dim: int):
        super().__init__()
        self.enter = nn.Linear(in_dim, cfg.hidden)
        self.rnn = nn.GRU(cfg.hidden, cfg.hidden, cfg.layers, batch_first=True)
        self.leave = nn.Linear(cfg.hidden, out_dim)

    def forward(self, vector_BE: Tensor, frames: int) -> Tensor:
        """(B, E) -> (B, frames >= 1, D); a frame depends neither on how many follow nor on other rows."""
        same_BTH = self.enter(vector_BE)[:, None].expand(-1, frames, -1)
        state_BTH, _ = self.rnn(same_BTH)
        return self.leave(state_BTH)
