"""Labels of utterances by their nearest neighbours among labelled ones, as one line of ``results.jsonl``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from ..build import load
from ..core import Representation, check_device, numpy_generator, require, unknown
from ..data.manifest import Manifest, Utterance
from ..evaluation.knn import knn_accuracy
from ..evaluation.probes._classes import read_label_table
from ..evaluation.utterance_vectors import Pool, utterance_vectors
from ..reports import Result

Label = Literal["speaker", "language", "gender", "text"]
LABELS = ("speaker", "language", "gender", "text")


def knn(
    model: str | Path | Representation,
    *,
    train: str | Path,
    test: str | Path,
    label: Label = "speaker",
    labels: str | Path | None = None,
    layer: str | None = None,
    pool: Pool = "mean",
    k: int = 20,
    temperature: float = 0.1,
    fraction: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, float], Result]:
    """Accuracy on a test manifest of the classes that its nearest labelled utterances have.

    Args:
        model: what ``sonant.load`` takes, or a representation.
        train, test: manifests; what either lacks a label of is left out.
        label: what to tell, of what the manifests know.
        labels: in its place, a table by utterance: ``key`` and one column (emotion, gender, ...).
        layer, pool: as ``sonant.evaluation.utterance_vectors``.
        k, temperature: as ``sonant.evaluation.knn``.
        fraction: part of the labelled utterances of each class that is used, at least one each; drawn by ``seed``.

    Returns:
        Figures, and the line for ``results.jsonl``.
    """
    if label not in LABELS:
        raise unknown("label", label, LABELS)
    require(0 < fraction <= 1, f"fraction is a part of the labels in (0, 1], got {fraction}")
    check_device(device)
    began = time.perf_counter()
    table = None if labels is None else read_label_table(labels)
    known, asked = (_labelled(place, label, table) for place in (train, test))
    known = _part(known, fraction, seed)
    representation = model if isinstance(model, Representation) else load(model, device=device)
    vectors = utterance_vectors(
        representation, [u for u, _ in known + asked], layer=layer, pool=pool, progress=progress
    )
    (bank, bank_labels), (query, query_labels) = (_arrays(side, vectors) for side in (known, asked))
    figures = knn_accuracy(bank, bank_labels, query, query_labels, k=k, temperature=temperature)
    line = Result(
        task="knn",
        figure=figures,
        settings={
            "label": label if labels is None else Path(labels).stem, "layer": layer, "pool": pool, "k": k,
            "temperature": temperature, "fraction": fraction, "train": Path(train).name,
        },
        model=name or ("" if isinstance(model, Representation) else str(model)),
        data=Path(test).name,
        seed=seed,
        seconds=round(time.perf_counter() - began, 3),
        extra={"classes": len(set(bank_labels)), "labelled": len(bank), "test": len(query)},
    )  # fmt: skip
    return figures, line


def _labelled(place: str | Path, label: Label, table: dict | None) -> list[tuple[Utterance, str]]:
    pairs = [
        (u, "/".join(table.get(u.id, ())) if table is not None else getattr(u, label)) for u in Manifest.open(place)
    ]
    found = [(u, said) for u, said in pairs if said]
    require(found, f"no utterance of '{place}' has a label ({'in the table' if table is not None else label})")
    return found


def _part(known: list[tuple[Utterance, str]], fraction: float, seed: int) -> list[tuple[Utterance, str]]:
    if fraction == 1:
        return known
    by_class: dict[str, list[int]] = {}
    for i, (_, said) in enumerate(known):
        by_class.setdefault(said, []).append(i)
    kept = [
        i
        for said, numbers in sorted(by_class.items())
        for i in numpy_generator(seed, "fraction", said).permutation(numbers)[: max(round(fraction * len(numbers)), 1)]
    ]
    return [known[i] for i in sorted(kept)]


def _arrays(side: list[tuple[Utterance, str]], vectors: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    there = [(vectors[u.id], said) for u, said in side if u.id in vectors]
    require(there, "none of the utterances could be read, see above")
    return np.stack([x for x, _ in there]), [said for _, said in there]
