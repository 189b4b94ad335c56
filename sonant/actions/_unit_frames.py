"""The frames that k-means is fitted on: of utterances in random order, up to a budget, on disk.

Letters: N frames, T frames of an utterance, D channels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Representation, SonantError, numpy_generator, require
from ..data.cloud import DTYPE, Cloud, CloudWriter, delete_cloud
from ..evaluation.encode import Item, encode_items

GROUP_SECONDS = 480.0  # audio whose frames are in memory together
SPELLED = {"model": "another model", "layer": "another layer", "data": "other data", "seed": "another seed"}


def rows_of(memory_gb: float, dim: int) -> int:
    """Frames of float32 that fit in a budget (1 GB is 10^9 bytes)."""
    return int(memory_gb * 1e9 // (DTYPE.itemsize * dim))


def gather(
    representation: Representation,
    items: Sequence[Item],
    folder: str | Path,
    *,
    layer: str,
    rows: int,
    facts: dict[str, Any],
    batch_seconds: float = 120.0,
    strict: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Cloud:
    """Frames on disk, at least ``rows`` of them or all that the items have; only what is missing is made.

    Which frames these are depends on the model, the layer, the items and the seed in ``facts`` alone: a smaller budget
    is the beginning of a larger one.

    Args:
        facts: fingerprints ``model``, ``layer``, ``data`` and the ``seed`` of the order.
        overwrite: make them anew even if they are there.
        progress: called with (frames so far, ``rows``).

    Raises:
        SonantError: the folder holds frames of something else, or no item gives any.
    """
    if overwrite:
        delete_cloud(folder)
    there = Cloud.open(folder)
    if there is not None:
        changed = [key for key in SPELLED if there.facts.get(key) != facts[key]]
        require(
            not changed,
            f"'{folder}' holds frames of {' and '.join(SPELLED[key] for key in changed)} than asked for now; choose "
            "another folder, or extract anew with --overwrite-features",
        )
        if there.finished or there.rows >= rows:
            return there
    order = numpy_generator(facts["seed"], "utterances").permutation(len(items))
    with CloudWriter(folder, facts=facts, dim=representation.dim_of(layer)) as writer:
        todo = [items[i] for i in order[writer.items :]]
        done = writer.items
        for group in _groups(todo):
            arrays = _encode(representation, group, layer, batch_seconds, strict, writer.skipped)
            whole = writer.rows
            for item in group:
                if item.key in arrays:
                    writer.append(arrays[item.key][: rows - writer.rows])
            if progress is not None:
                progress(writer.rows, rows)
            if writer.rows >= rows:
                writer.commit(items=done, whole_rows=whole)
                break
            done += len(group)
            writer.commit(items=done)
        else:
            writer.commit(items=done, finished=True)
        require(writer.rows, f"none of the {len(items)} utterances gave frames, see above")
    return Cloud.open(folder)


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    for item in items:
        if group and sum(one.seconds for one in group) + item.seconds > GROUP_SECONDS:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _encode(
    representation: Representation,
    group: list[Item],
    layer: str,
    batch_seconds: float,
    strict: bool,
    skipped: list[str],
) -> dict[str, np.ndarray]:
    def complain(key: str, error: SonantError) -> None:
        skipped.append(key)
        print(f"sonant: skipped {key}: {error}", file=sys.stderr)

    options = {"layer": layer, "batch_seconds": batch_seconds, "strict": strict, "on_error": complain}
    found = {}
    for key, x_TD in encode_items(representation, group, **options):
        if np.isfinite(x_TD).all():
            found[key] = x_TD
        else:
            complain(key, SonantError("its frames hold numbers that are not finite"))
    return found
