"""Which emotion does an utterance show? (SUPERB: ER; Yang et al. 2021, arXiv:2105.01051, on four classes of IEMOCAP.)

Manifests have no emotions: the label is the table's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._classes import ClassConfig, Classes


@dataclass(frozen=True)
class Config(ClassConfig):
    """Defaults for corpora of an hour."""

    batch_size: int = 32


SUPERB = {"steps": 30_000, "batch_size": 32, "lr": 1e-4, "eval_every": 1000, "patience": 0}


class Task(Classes):
    """Mean over time and a linear layer."""
