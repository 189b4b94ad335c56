"""A prepared corpus with the voice activity of its audio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...core import SonantError, require
from ..manifest import Manifest, Utterance
from ..vad.detect import Detector, activity_of
from ._common import Skipped, write

ABOUT = "a prepared corpus with the voice activity of each channel, found in its audio"


def prepare(source: Path | None, out: Path, *, vad: Detector = "energy", strict: bool = False) -> Manifest:
    """Copy a manifest and give every utterance the voice activity of its channels; its audio stays where it is.

    Activity that it had is replaced. Of one channel it makes a monologue to train dialogues on: the partner is silent.

    vad     energy, built in, or silero (the extra vad)
    strict  stop at the first unusable file instead of skipping it
    """
    require(source is not None, "give the prepared corpus: sonant prepare vad CORPUS OUT --vad energy")
    given, skipped = Manifest.open(source), Skipped(strict=strict)

    def utterances() -> Iterator[tuple[Utterance, None]]:
        for u in given:
            try:
                found = activity_of(u, vad=vad)
            except SonantError as error:
                skipped.add(error)
                continue
            yield replace(u, activity=found), None

    return write(utterances(), out, name=f"{Path(source).name} with voice activity", skipped=skipped)
