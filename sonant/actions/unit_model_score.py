"""A language model of units with projection on units of dialogues, as one line of ``results.jsonl``.

Letters: T frames, C = 2 speakers, K classes or units.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..build import load
from ..core import Representation, check_device, require
from ..data.arrays import ArrayReader
from ..data.dialogue_units import BESIDE
from ..evaluation.turn_taking.class_scores import ClassScores
from ..evaluation.turn_taking.whole_units import unit_dialogue_logits
from ..objectives.projection import Window, class_of_bins, projection_bins
from ..objectives.projection_loss import independent_loss
from ..reports import Result


def score_unit_model(
    model: str | Path | Representation,
    units: str | Path,
    *,
    context: float = 5.0,
    step: float = 5.0,
    device: str = "cpu",
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, float], Result]:
    """Cross-entropy of futures and, apart from it, of units, over whole dialogues; and how often the first guess is
    right (``evaluation.turn_taking.class_scores``, for discrete projection).

    Args:
        model: what ``sonant.load`` takes, or a representation; of dialogue, on units.
        units: folder of ``sonant units encode --form dialogue``; of one with the units of each channel, every channel
            counts, its own speaker first.
        context, step: seconds of past that every frame has at the least, and from one window to the next.

    Returns:
        Figures, and the line for ``results.jsonl``.
    """
    check_device(device)
    began = time.perf_counter()
    representation = (model if isinstance(model, Representation) else load(model, device=device)).eval()
    with ArrayReader(units) as arrays:
        _check(representation, arrays, units)
        sums = _Sums(representation)
        for done, key in enumerate(arrays, start=1):
            for unit_T, activity_TC in streams_of(arrays[key]):
                options = {"context": context, "step": step}
                said = unit_dialogue_logits(representation, unit_T, torch.from_numpy(activity_TC), **options)
                sums.add(*said, unit_T, activity_TC)
            if progress is not None:
                progress(done, len(arrays))
        figures = sums.figures()
        k = int(arrays.facts["units"]["k"])
    line = Result(
        task="unit_dialogue",
        figure=figures,
        settings={"k": k, "projection": representation.dialogue.cfg.projection, "context": context, "step": step},
        model=name or ("" if isinstance(model, Representation) else str(model)),
        data=Path(units).name,
        seconds=round(time.perf_counter() - began, 3),
        extra={"frames": sums.frames, "predicted": sums.predicted},
    )
    return figures, line


def streams_of(x_TD: np.ndarray) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Units (T,) and activity (T, 2), of their own speaker first, of each stream of an array of a dialogue."""
    activity_TC = x_TD[:, -BESIDE:-1].astype(np.uint8)
    for own in range(x_TD.shape[1] - BESIDE):
        if len(x_TD) and x_TD[0, own] >= 0:
            turned_TC = np.ascontiguousarray(activity_TC[:, ::-1]) if own else activity_TC
            yield torch.from_numpy(x_TD[:, own].astype(np.int64)), turned_TC


def _check(representation: Representation, arrays: ArrayReader, place: str | Path) -> None:
    told = arrays.facts.get("units")
    require(
        isinstance(told, dict) and told.get("form") == "dialogue",
        f"'{place}' holds no units of dialogues; make them with: sonant units encode UNITS MANIFEST OUT --form "
        "dialogue",
    )
    dialogue = representation.dialogue
    require(
        dialogue is not None and dialogue.cfg.units is not None,
        "this model is no language model of units with projection; train one (sonant train ulm-projection), or score "
        "units by themselves with --labels or --train",
    )
    known, rate = dialogue.cfg.units, dialogue.geometry.rate
    require(
        (known, rate) == (int(told["k"]), arrays.geometry.rate),
        f"this model knows {known} units at {rate:g} Hz, and '{place}' holds {told['k']} at {arrays.geometry.rate:g} "
        "Hz; give those that it was trained on",
    )


class _Sums:
    """Losses over dialogues."""

    def __init__(self, representation: Representation):
        cfg, rate = representation.dialogue.cfg, representation.dialogue.geometry.rate
        self.discrete = cfg.projection == "discrete"
        self.window, self.classes = Window(rate=rate, bins_s=cfg.bins_s), ClassScores(rate)
        self.loss, self.frames, self.unit_loss, self.predicted = 0.0, 0, 0.0, 0

    def add(self, logits: Tensor, unit_logits_TK: Tensor | None, unit_T: Tensor, activity_TC: np.ndarray) -> None:
        bins_TCN = projection_bins(torch.from_numpy(activity_TC), self.window)
        logits = logits[: len(bins_TCN)]
        if self.discrete:
            class_T = class_of_bins(bins_TCN)
            loss_T = F.cross_entropy(logits, class_T, reduction="none")
            self.classes.add(logits, class_T, activity_TC)
        else:
            loss_T = independent_loss(logits[None], bins_TCN[None])[0]
        self.loss, self.frames = self.loss + float(loss_T.double().sum()), self.frames + len(loss_T)
        if unit_logits_TK is not None and len(unit_T) > 1:
            self.unit_loss += float(F.cross_entropy(unit_logits_TK[:-1], unit_T[1:], reduction="sum").double())
            self.predicted += len(unit_T) - 1

    def figures(self) -> dict[str, float]:
        require(self.frames, f"no dialogue is longer than its future of {sum(self.window.bins_s):g} s")
        found = {"cross_entropy" if self.discrete else "loss": self.loss / self.frames}
        if self.predicted:
            nats = self.unit_loss / self.predicted
            found |= {"unit_cross_entropy": nats, "unit_perplexity": math.exp(nats)}
        return found | self.classes.figures()
