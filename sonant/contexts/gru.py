"""Gated recurrent units over the whole past (Cho et al. 2014, arXiv:1406.1078): the context of CPC and APC."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ._recurrent import Recurrent, RecurrentConfig


@dataclass(frozen=True)
class Config(RecurrentConfig):
    """Settings of the context."""


class Context(Recurrent):
    """A stack of GRUs."""

    kind = nn.GRU
