"""Long short-term memory over the whole past (Hochreiter and Schmidhuber 1997): the context of CPC_audio."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ._recurrent import Recurrent, RecurrentConfig


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """Settings of the context."""


class Context(Recurrent):
    """A stack of LSTMs."""

    kind = nn.LSTM
