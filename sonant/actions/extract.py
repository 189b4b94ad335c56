"""From a model and audio to one array of frames per utterance."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..build import load
from ..core import Representation, SonantError, require
from ..data.arrays import ArrayWriter
from ..data.manifest import Utterance
from ..data.sources import find_utterances
from ..evaluation.encode import encode_utterances


def extract(
    model: str | Path | Representation,
    source: str | Path,
    out: str | Path,
    *,
    layer: str | None = None,
    format: str = "npy",
    device: str = "cpu",
    batch_seconds: float = 120.0,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the frames of every utterance of ``source`` below ``out``; what is complete is not made again.

    Args:
        model: what ``sonant.load`` takes, or a representation.
        source: folder of audio, audio file, manifest folder or ``wav.scp``.
        out: folder (or single file for ``npz``, ``h5`` and ``ark``) of the arrays, with an index beside them.
        layer: one of the model's layers; None: its default.
        format: ``npy``, ``pt``, ``npz``, ``h5`` or ``ark``.
        device: where to compute.
        batch_seconds: audio per batch, padding included.
        strict: stop at the first unreadable file instead of naming, counting and skipping it.
        progress: called with (done, all) after each utterance.

    Returns:
        Counts ``written``, ``already_there`` and ``skipped`` with the names skipped, and the shape facts.
    """
    representation = model if isinstance(model, Representation) else load(model, device=device)
    layer = layer or representation.default_layer
    utterances = find_utterances(Path(source))
    require(len(utterances) > 0, f"{source}: no audio found there")
    facts = {
        "model": "" if isinstance(model, Representation) else str(model),
        "layer": layer,
        "dim": representation.dim_of(layer),
        "geometry": asdict(representation.geometry),
    }
    skipped: list[str] = []

    def complain(utterance: Utterance, error: SonantError) -> None:
        skipped.append(utterance.id)
        print(f"sonant: skipped {utterance.id}: {error}", file=sys.stderr)

    with ArrayWriter(Path(out), format=format, facts=facts) as writer:
        todo = [utterance for utterance in utterances if utterance.id not in writer.complete]
        there = len(utterances) - len(todo)
        done = 0
        for utterance, x_TD in encode_utterances(
            representation, todo, layer=layer, batch_seconds=batch_seconds, strict=strict, on_error=complain
        ):
            writer.write(utterance.id, x_TD)
            done += 1
            if progress is not None:
                progress(there + done + len(skipped), len(utterances))
    return {
        **facts,
        "out": str(out),
        "written": done,
        "already_there": there,
        "skipped": len(skipped),
        "skipped_names": skipped,
    }
