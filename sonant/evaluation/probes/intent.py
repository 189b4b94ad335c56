"""What does a speaker want? All slots must be right. (SUPERB: IC; Yang et al. 2021, arXiv:2105.01051.)

The slots are the columns of the table: action, object and location in Fluent Speech Commands (Lugosch et al. 2019,
arXiv:1904.03670).
"""

from __future__ import annotations

from dataclasses import dataclass

from ._classes import ClassConfig, Classes


@dataclass(frozen=True)
class Config(ClassConfig):
    """Defaults for corpora of an hour."""

    batch_size: int = 32


SUPERB = {"steps": 200_000, "batch_size": 32, "lr": 1e-4, "eval_every": 5000, "patience": 0}


class Task(Classes):
    """Mean over time and a linear layer for each slot."""

    source = "labels from a table (--labels TSV with the column key and one column for each slot)"
