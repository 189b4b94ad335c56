"""Who of a known set is speaking? (SUPERB: SID; Yang et al. 2021, arXiv:2105.01051, on crops of 8 s of VoxCeleb1.)

Both manifests hold other utterances (or other parts of recordings) of the same speakers.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...data.manifest import Utterance
from ._classes import ClassConfig, Classes


@dataclass(frozen=True)
class Config(ClassConfig):
    """Defaults for corpora of an hour."""

    batch_size: int = 32
    crop_seconds: float | None = 8.0


SUPERB = {"steps": 200_000, "batch_size": 32, "lr": 1e-4, "eval_every": 5000, "patience": 0}


class Task(Classes):
    """Mean over time and a linear layer."""

    hold_out_by = "utterance"
    source = "speakers"

    def of_manifest(self, utterance: Utterance) -> str | None:
        return utterance.speaker
