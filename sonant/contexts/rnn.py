"""Plain tanh recurrence over the whole past (Elman 1990): an option of CPC_audio."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ._recurrent import Recurrent, RecurrentConfig


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """Settings of the context."""


class Context(Recurrent):
    """A stack of RNNs."""

    kind = nn.RNN
