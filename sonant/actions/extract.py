"""From a model and audio to one array of frames per utterance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ..build import BASELINES, baseline, load
from ..core import Featured, Representation, SonantError, check_device, require
from ..data.arrays import ArrayReader, ArrayWriter, holds_arrays
from ..data.manifest import RECORDINGS, Manifest
from ..data.sources import find_utterances
from ..data.spect import write_labels
from ..data.words import read_words
from ..evaluation.encode import EMBEDDING, Item, array_items, encode_items, utterance_items, word_items


def extract(
    model: str | Path | Representation,
    source: str | Path,
    out: str | Path,
    *,
    layer: str | None = None,
    words: str | Path | None = None,
    format: str | None = None,
    like: Literal["a2r", "spect"] | None = None,
    device: str = "cpu",
    batch_seconds: float = 120.0,
    strict: bool = False,
    features: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the frames of every utterance of ``source`` below ``out``; what is complete is not made again.

    Args:
        model: what ``sonant.load`` takes, or a representation.
        source: folder of audio, audio file, manifest folder or ``wav.scp`` (or a ``.map`` or ``.txt`` like it); or
            arrays of the features that the model stands on.
        out: folder (or single file for ``npz``, ``h5`` and ``ark``) of the arrays, with an index beside them.
        layer: one of the model's layers, or ``embedding`` for one vector per utterance; None: its default
            layer, and the embedding of models that have one.
        words: a words.tsv, whose segments are cut out of the utterances before the model sees them and take the
            place of these.
        format: ``npy`` (None), ``pt``, ``npz``, ``h5`` or ``ark``.
        like: conventions of scpc. ``a2r``: the folders of ``source`` again below ``out``, float32 ``pt`` (None) or
            float64 ``npy``. ``spect``: a SpectDataSet folder, with alignments where ``source`` is a manifest that has
            phones.
        device: where to compute.
        batch_seconds: audio per batch, padding included.
        strict: stop at the first unreadable file instead of naming, counting and skipping it.
        features: settings of the baselines ``mfcc`` and ``logmel`` in place of their own, such as ``{"cmvn": "none"}``.
        progress: called with (done, all) after each utterance.

    Returns:
        Counts ``written``, ``already_there`` and ``skipped`` with the names skipped, and the shape facts.
    """
    representation = _model(model, features, device)
    format, dtype = _format(format, like)
    layer = layer or (EMBEDDING if representation.embedding is not None else representation.default_layer)
    facts = {
        "model": "" if isinstance(model, Representation) else str(model),
        **({"features": representation.config["features"]} if features else {}),
        "layer": layer,
        "dim": representation.dim_of(layer),
        "geometry": asdict(representation.geometry),
    }
    items = items_of(representation, Path(source), words=words, tree=like == "a2r")
    skipped: list[str] = []

    def complain(key: str, error: SonantError) -> None:
        skipped.append(key)
        print(f"sonant: skipped {key}: {error}", file=sys.stderr)

    place = Path(out) / "feat" if like == "spect" else Path(out)
    with ArrayWriter(place, format=format, facts=facts, dtype=dtype) as writer:
        known = frozenset(item.key for item in items if item.key in writer.complete)
        there, done = len(known), 0
        options = {"layer": layer, "batch_seconds": batch_seconds, "strict": strict, "on_error": complain}
        for key, x_TD in encode_items(representation, items, known=known, **options):
            if key in known:
                continue
            writer.write(key, x_TD)
            done += 1
            if progress is not None:
                progress(there + done + len(skipped), len(items))
        require(done or there, f"nothing was written to '{out}': all {len(items)} items were skipped, see above")
    labelled = _write_labels(representation, Path(source), Path(out)) if like == "spect" else None
    return {
        **facts,
        **({} if labelled is None else {"aligned": labelled}),
        "out": str(out),
        "written": done,
        "already_there": there,
        "skipped": len(skipped),
        "skipped_names": skipped,
    }


def _model(model: str | Path | Representation, features: Mapping[str, Any] | None, device: str) -> Representation:
    if not features:
        return model if isinstance(model, Representation) else load(model, device=device)
    require(
        str(model) in BASELINES,
        f"settings of features are for the baselines {' and '.join(BASELINES)}; a model has the features it was "
        "trained on, and a file that describes features says its own",
    )
    check_device(device)
    return baseline(str(model), features=features).to(device)


def _format(format: str | None, like: str | None) -> tuple[str, str]:
    """(format, dtype) of the arrays."""
    if like is None:
        return format or "npy", "float32"
    format = format or "pt"
    require(
        format == "pt" or (like == "a2r" and format == "npy"),
        f"like {like} means one file an utterance, pt{' or npy' if like == 'a2r' else ''}, not {format}",
    )
    return format, "float64" if format == "npy" else "float32"


def _write_labels(representation: Representation, source: Path, out: Path) -> int:
    """Alignments of a manifest beside the features of a SpectDataSet folder; how many."""
    if not (source / RECORDINGS).is_file():
        return 0
    with ArrayReader(out / "feat") as arrays:
        frames = {key: arrays.shape(key)[0] for key in arrays}
    return write_labels(out, Manifest.open(source), frames=frames, geometry=representation.geometry)


def items_of(
    representation: Representation, source: Path, *, words: str | Path | None = None, tree: bool = False
) -> list[Item]:
    """What a model can encode of a place: utterances of audio, or arrays of the features that it stands on."""
    if holds_arrays(source):
        require(
            isinstance(representation.encoder, Featured),
            f"{source} holds arrays, and this model reads waveforms; give it audio",
        )
        rate = representation.encoder.features.geometry.rate
        items = array_items(ArrayReader(source), rate)
    else:
        rate = representation.sample_rate
        items = utterance_items(find_utterances(source, tree=tree), rate)
    require(len(items) > 0, f"{source}: no audio found there")
    return items if words is None else word_items(read_words(words), items, rate)
