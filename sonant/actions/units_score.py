"""Units on disk against the phones of a manifest, as one line of ``results.jsonl``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..core import require
from ..data.arrays import ArrayReader
from ..data.manifest import Manifest
from ..data.units import classes_of
from ..evaluation.unit_ngrams import bigram_perplexity, unigram_perplexity
from ..evaluation.units import agreement, joint_counts, mean_run, perplexity, phones_of_frames
from ..reports import Result


def score_ngrams(units: str | Path, train: str | Path) -> tuple[dict[str, float], Result]:
    """Perplexities of units under a unigram and a bigram model of others: what a language model has to be better than.

    Args:
        units, train: folders of ``sonant units encode`` of the same units.

    Returns:
        Figures, and the line for ``results.jsonl``.
    """
    began = time.perf_counter()
    sequences, digests, k = [], set(), 0
    for place in (train, units):
        with ArrayReader(place) as arrays:
            _check(arrays, place)
            k = int(arrays.facts["units"]["k"])
            digests.add(arrays.facts["units"]["digest"])
            sequences.append([arrays[key][:, 0].astype(np.int64) for key in arrays])
    require(len(digests) == 1, f"'{train}' and '{units}' are not of the same units; encode both with the same UNITS")
    figures = {
        "unigram_perplexity": unigram_perplexity(*sequences, units=k),
        "bigram_perplexity": bigram_perplexity(*sequences, units=k),
    }
    line = Result(
        task="unit_ngrams",
        figure=figures,
        settings={"k": k, "train": Path(train).name},
        model=str(train),
        data=Path(units).name,
        seconds=round(time.perf_counter() - began, 3),
        extra={"predicted": sum(len(unit_T) - 1 for unit_T in sequences[1])},
    )
    return figures, line


def _check(arrays: ArrayReader, place: str | Path) -> None:
    require(
        classes_of(arrays.facts) is not None and arrays.geometry is not None,
        f"'{place}' does not hold numbers of units; make them with: sonant units encode UNITS DATA OUT, and give "
        "the folder k_<k> below OUT",
    )


def score_units(
    units: str | Path,
    labels: str | Path,
    *,
    silence: bool = False,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, float], Result]:
    """PNMI, purities and V-measure with the phones of a manifest, length of runs and perplexity of use.

    Args:
        units: folder of ``sonant units encode`` (numbers of units).
        labels: manifest with phones; utterances without units, or without phones, are counted and left out.
        silence: whether silence and noise count as phones.
        name: how the result calls the units; None: their folder.

    Returns:
        Figures, and the line for ``results.jsonl``.
    """
    began = time.perf_counter()
    manifest = Manifest.open(labels)
    number: dict[str, int] = {}
    phones, sequences = [], []
    with ArrayReader(units) as arrays:
        _check(arrays, units)
        said = arrays.facts["units"]
        for done, utterance in enumerate(manifest, start=1):
            if utterance.id in arrays and utterance.phones:
                unit_T = arrays[utterance.id][:, 0].astype(np.int64)
                options = {"number": number, "silence": silence}
                phones.append(phones_of_frames(utterance.phones, len(unit_T), arrays.geometry, **options))
                sequences.append(unit_T)
            if progress is not None:
                progress(done, len(manifest))
        rate = arrays.geometry.rate
    require(sequences, f"no utterance of '{labels}' has both phones and units in '{units}'")
    k, phone_N, unit_N = int(said["k"]), np.concatenate(phones), np.concatenate(sequences)
    count_PK = joint_counts(phone_N, unit_N, phones=len(number), units=k)
    use_K = np.bincount(unit_N, minlength=k)
    run = mean_run(sequences)
    figures = {**agreement(count_PK), "perplexity_of_use": perplexity(use_K), "mean_run_seconds": run / rate}
    extra = {
        "k": k,
        "used": int((use_K > 0).sum()),
        "phones": len(number),
        "frames": int(len(unit_N)),
        "scored_frames": int(count_PK.sum()),
        "utterances": len(sequences),
        "left_out": len(manifest) - len(sequences),
        "mean_run_frames": run,
        "commonest_phone": float(count_PK.sum(1).max() / count_PK.sum()),
        "commonest_unit": float(count_PK.sum(0).max() / count_PK.sum()),
    }
    line = Result(
        task="units",
        figure=figures,
        settings={"k": k, "layer": arrays.facts.get("layer"), "silence": silence, "labels": Path(labels).name},
        model=name or str(units),
        data=Path(labels).name,
        seconds=round(time.perf_counter() - began, 3),
        extra=extra,
    )
    return figures, line
