"""Which language is spoken? The label is the manifest's, or the table's. Head as for speakers."""

from __future__ import annotations

from dataclasses import dataclass

from ...data.manifest import Utterance
from ._classes import ClassConfig, Classes


@dataclass(frozen=True)
class Config(ClassConfig):
    """Defaults for corpora of an hour."""

    batch_size: int = 32


SUPERB = {"steps": 200_000, "batch_size": 32, "lr": 1e-4, "eval_every": 5000, "patience": 0}  # as keyword


class Task(Classes):
    """Mean over time and a linear layer."""

    source = "languages"

    def of_manifest(self, utterance: Utterance) -> str | None:
        return utterance.language
