"""The units of a corpus as arrays on disk.

Letters: T frames, R runs, D channels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..build import load
from ..core import Representation, SonantError, check_device, require, unknown
from ..data.arrays import ArrayWriter
from ..data.run_length import condense
from ..data.units import Units, read_units
from ..evaluation.encode import encode_items
from ._prints import print_of_model
from ._unit_dialogues import CHANNELS, Channels, Dialogues
from .extract import items_of

Form = Literal["units", "runs", "centroids", "dialogue"]
FORMS = ("units", "runs", "centroids", "dialogue")


def encode_units(
    units: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    form: Form = "units",
    channels: Channels = "mix",
    window: float | None = None,
    model: str | Path | Representation | None = None,
    device: str = "cpu",
    batch_seconds: float = 120.0,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write an ``npy`` per utterance below ``OUT/k_<k>`` (``OUT/k_<k>_runs``, ``.._centroids``, ``.._dialogue``).

    What is complete is not made again; arrays of other units are an error. A file that cannot be read is named,
    counted and left out.

    Args:
        units: a units folder.
        data: as ``fit_units``.
        form: ``units``: (T, 1) int32, the unit of every frame. ``runs``: (R, 2) int32, the unit of every run of equal
            units and the frames that it lasts (``data.run_length.expand`` undoes it). ``centroids``: (T, D) float32,
            the centroid of every frame's unit, for ABX and whatever else takes frames. ``dialogue``: (T, U + 3) int32,
            units with who is active when (``data.dialogue_units``), of a manifest that tells it.
        channels: of ``dialogue``: ``mix``: units of the mean of both channels (U = 1); ``each``: of each (U = 2).
        window: of ``dialogue``: seconds that the model hears at a time; None: whole dialogues.
        model: where the model lies now; None: where it was when the units were fitted.
        strict: stop at the first unreadable file.
        progress: called with (done, all).

    Returns:
        Facts: ``out``, ``written``, ``already_there``, ``skipped``, ``skipped_names``.
    """
    if form not in FORMS:
        raise unknown("form of units", form, FORMS)
    if channels not in CHANNELS:
        raise unknown("choice of channels", channels, CHANNELS)
    check_device(device)
    known = read_units(units)
    representation = _model(known, model, device)
    k = known.facts["k"]
    place = Path(out) / (f"k_{k}" if form == "units" else f"k_{k}_{form}")
    skipped: list[str] = []

    def complain(key: str, error: SonantError) -> None:
        skipped.append(key)
        print(f"sonant: skipped {key}: {error}", file=sys.stderr)

    more = {"channels": channels, "window": window} if form == "dialogue" else {}
    options = {"batch_seconds": batch_seconds, "strict": strict, "on_error": complain, **more}
    source = (Dialogues if more else partial(_Utterances, form=form))(known, representation, data, **options)
    facts = _facts(known, form, source.dim, more)
    with ArrayWriter(place, facts=facts, dtype="float32" if form == "centroids" else "int32") as writer:
        todo = [key for key in source.keys if key not in writer.complete]
        there, done = len(source.keys) - len(todo), 0
        for key, array in source.encoded(todo):
            writer.write(key, array)
            done += 1
            if progress is not None:
                progress(there + done + len(skipped), len(source.keys))
        require(done or there, f"nothing was written to '{place}': all {len(todo)} utterances were skipped, see above")
    counts = {"written": done, "already_there": there, "skipped": len(skipped), "skipped_names": skipped}
    return {"out": str(place), "k": k, "form": form, **counts}


def _facts(units: Units, form: Form, dim: int, more: dict[str, Any]) -> dict[str, Any]:
    """What the index of the arrays says."""
    return {
        "model": units.facts["model"],
        "layer": units.facts["layer"],
        "dim": dim,
        "units": {"k": units.facts["k"], "digest": units.digest, "form": form, **more},
        **({} if form == "runs" else {"geometry": asdict(units.geometry)}),
    }


class _Utterances:
    """The units of single utterances.

    Attributes:
        keys: of all utterances.
        dim: columns of an array.
    """

    def __init__(
        self,
        units: Units,
        representation: Representation,
        data: str | Path,
        *,
        form: Form,
        on_error: Callable[[str, SonantError], None],
        **options,
    ):
        self.units, self.representation, self.form = units, representation, form
        self.on_error, self.options = on_error, options
        self.items = items_of(representation, Path(data))
        self.keys = [item.key for item in self.items]
        self.dim = {"units": 1, "runs": 2, "centroids": units.centroids_KD.shape[1]}[form]

    def encoded(self, keys: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """(key, array) of those of ``keys`` that can be read."""
        wanted = set(keys)
        todo = [item for item in self.items if item.key in wanted]
        options = {"layer": self.units.facts["layer"], "on_error": self.on_error, **self.options}
        for key, x_TD in encode_items(self.representation, todo, **options):
            if np.isfinite(x_TD).all():
                yield key, _formed(self.units, x_TD, self.form)
            else:
                self.on_error(key, SonantError("its frames hold numbers that are not finite"))


def _model(units: Units, model: str | Path | Representation | None, device: str) -> Representation:
    """The model that the units are of, and no other."""
    place = model if model is not None else units.facts["model"]
    require(place, "nothing says where the model of these units lies; give it with --model")
    representation = place if isinstance(place, Representation) else load(place, device=device)
    wanted = units.facts.get("made_from", {}).get("model")
    require(
        wanted is None or print_of_model(representation) == wanted,
        f"the model {'given' if model is not None else repr(place)} is not the one that these units were fitted on; "
        "give that one with --model, or fit units on this one",
    )
    return representation


def _formed(units: Units, x_TD: np.ndarray, form: Form) -> np.ndarray:
    unit_T = units.of(x_TD)
    if form == "centroids":
        return units.centroids_KD[unit_T]
    if form == "runs":
        return np.stack(condense(unit_T), axis=1)
    return unit_T[:, None]
