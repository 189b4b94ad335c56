"""ABX of features on disk or of a model, as one line of ``results.jsonl``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..build import load
from ..core import Representation, check_device, require
from ..data.arrays import ArrayReader
from ..evaluation.abx import ABXResult, abx, abx_of_model, read_items
from ..reports import Result, confusions_of


def score_abx(
    items: str | Path,
    *,
    features: str | Path | None = None,
    rate: str | None = None,
    model: str | Path | Representation | None = None,
    audio: str | Path | None = None,
    layer: str | None = None,
    device: str = "cpu",
    name: str | None = None,
    seed_of_model: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> tuple[ABXResult, Result]:
    """Score features on disk (``features`` and ``rate``) or a model on audio (``model`` and ``audio``).

    Args:
        items: item file.
        features: folder of arrays, or one file of them; keys are the file names of the item file.
        rate: frames per second of the features, as decimal text (``"100"``); None: from their index.
        model: what ``sonant.load`` takes, or a representation.
        audio: folder of the audio that the items name.
        layer: layer of the model; None: its default.
        device: where the model and the distances are computed.
        name: how the result calls what was scored; by default the path.
        settings: as ``sonant.evaluation.abx.abx``: speaker, context, distance, max_group_size, slicing, ...

    Returns:
        The score with its tables, and the line for ``results.jsonl``.
    """
    require(
        (features is None) != (model is None),
        "ABX needs either features (a folder of arrays or one file) or a model with the audio to encode",
    )
    check_device(device)
    tokens = read_items(items)
    if features is not None:
        with ArrayReader(features) as arrays:
            rate = rate or _rate_of(arrays)
            wanted = {file: arrays[file] for file in tokens.files if file in arrays}
            scored_layer = arrays.facts.get("layer")
        scored = abx(wanted, tokens, rate=rate, device=device, progress=progress, **settings)
    else:
        require(audio is not None, "ABX of a model needs the audio: give the folder that holds the files of the items")
        representation = model if isinstance(model, Representation) else load(model, device=device)
        scored = abx_of_model(representation, tokens, audio, layer=layer, device=device, progress=progress, **settings)
        scored_layer = layer or representation.default_layer
        if seed_of_model is None:
            seed_of_model = representation.config.get("training", {}).get("seed")
    return scored, _line(scored, items, name or str(features or model), scored_layer, seed_of_model)


def _rate_of(arrays: ArrayReader) -> Fraction:
    require(
        arrays.geometry is not None,
        "the frame rate of these features is not known (no index beside them): give it in Hz with --rate, such as 100",
    )
    return Fraction(arrays.geometry.sample_rate, arrays.geometry.hop)


def _line(scored: ABXResult, items: str | Path, name: str, layer: str | None, seed: int | None) -> Result:
    summary = scored.summary()
    return Result(
        task="abx",
        figure={"error": scored.error},
        settings={**scored.settings, "items": Path(items).name, "layer": layer},
        model=name,
        data=Path(items).stem,
        seed=seed,
        seconds=scored.seconds,
        confusions=confusions_of(*scored.confusions()),
        extra={key: summary[key] for key in ("n_cells", "n_triples", "n_pairs")},
    )
