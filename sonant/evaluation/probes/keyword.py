"""Which word of a small set is said? (SUPERB: KS; Yang et al. 2021, arXiv:2105.01051.)

The label is the table's, or the whole transcript of the utterance.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...data.manifest import Utterance
from ._classes import ClassConfig, Classes


@dataclass(frozen=True)
class Config(ClassConfig):
    """Defaults for corpora of an hour."""

    batch_size: int = 32


SUPERB = {"steps": 200_000, "batch_size": 32, "lr": 1e-4, "eval_every": 5000, "patience": 0}


class Task(Classes):
    """Mean over time and a linear layer."""

    source = "transcripts, or labels from a table (--labels TSV with the columns key and label)"

    def of_manifest(self, utterance: Utterance) -> str | None:
        return " ".join((utterance.text or "").lower().split()) or None
