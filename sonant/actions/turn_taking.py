"""How well a model of dialogue foretells who speaks next, as lines of ``results.jsonl``.

Beside it, without listening: the more frequent label, a coin, how often each future is, and how often after the recent
past (``evaluation.turn_taking.counted``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..build import load
from ..core import Representation, check_device, require
from ..data.activity import activity_frames
from ..data.dialogue_pool import DialoguePool
from ..data.dialogue_timings.sources import read_dialogues
from ..data.dialogue_units import UnitDialoguePool
from ..data.manifest import Manifest
from ..evaluation.encode import stands_on_arrays
from ..evaluation.turn_taking.baselines import majority_scores, random_scores
from ..evaluation.turn_taking.counted import Counted, futures
from ..evaluation.turn_taking.metrics import Scores, area, curve, scores_at
from ..evaluation.turn_taking.probabilities import probabilities
from ..evaluation.turn_taking.scoring import (
    TASKS_2022,
    TASKS_2023,
    Per,
    Samples,
    flipped_events,
    joined,
    samples_of_task,
)
from ..evaluation.turn_taking.whole import dialogue_logits
from ..evaluation.turn_taking.whole_units import unit_dialogue_logits
from ..objectives.projection import Window, projection_bins, projection_shares
from ..objectives.projection_loss import comparative_loss, independent_loss
from ..reports import Result
from .dialogue_events import EventMaker, EventSet, settings_of

TASKS = {"2023": TASKS_2023, "2022": TASKS_2022}
THRESHOLDS = {"short_long": 0.5, "shift_prediction": 0.3, "backchannel_prediction": 0.1}  # of 2022, where none is tuned
ACTIVITY_ONLY = "activity only"


@dataclass(frozen=True)
class Settings:
    """What changes the meaning of the figures."""

    sets: tuple[EventSet, ...] = ("2023", "2022")
    per: Per = "frame"  # what a sample is: a frame of a region, or a region
    all_holds: bool = False  # not only as many as shifts (2023)
    both_ways: bool = False  # every dialogue also with its speakers exchanged
    tune_all: bool = False  # of shift_hold too, whose threshold is 0.5 in the papers
    context: float = 10.0  # s of past that every frame has
    step: float = 10.0  # s from window to window
    seed: int = 0  # of the negatives and of the coin


@dataclass
class Sheet:
    """What one model says in all dialogues: samples by set and task, and the loss of its projection."""

    samples: dict[tuple[str, str], list[Samples]] = field(default_factory=dict)
    loss: float = 0.0
    frames: int = 0


def turn_taking(
    model: str | Path | Representation,
    *,
    dialogues: str | Path,
    units: str | Path | None = None,
    train: Sequence[str | Path] = (),
    validation: str | Path | None = None,
    settings: Settings | None = None,
    device: str = "cpu",
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Score a model on whole dialogues.

    Args:
        model: what ``sonant.load`` takes, or a representation; it needs a dialogue.
        dialogues: manifest of recordings with voice activity per channel.
        units: of models on units: those of ``dialogues`` (and ``validation``), of ``sonant units encode --form
            dialogue``; they hold the activity too.
        train: manifests or timings that futures are counted in for the models that do not listen; none: for each
            dialogue, the others that are scored.
        validation: manifest on which thresholds are tuned for the best weighted F1; None: 0.5, and
            those of the paper for the set 2022.

    Returns:
        A line for the projection and for each task, of the model and then of what it is compared with.

    Raises:
        SonantError: a model that listens to no dialogues, a manifest without activity, nothing to count in.
    """
    check_device(device)
    began, settings = time.perf_counter(), settings or Settings()
    representation = model if isinstance(model, Representation) else load(model, device=device)
    scorer = _Scorer(representation.eval(), settings, train, units=units)
    tuned = scorer.sheets(validation) if validation is not None else {}
    sheets = scorer.sheets(dialogues, progress=progress)
    called = name or ("" if isinstance(model, Representation) else str(model))
    seconds = round(time.perf_counter() - began, 3)
    lines = _Lines(settings, Path(dialogues).name, seconds, tuned=validation is not None)
    return [*lines.of_projection(called, sheets, scorer), *lines.of_tasks(called, sheets, tuned)]


class _Scorer:
    """Runs a model, and what does not listen, over dialogues."""

    def __init__(
        self,
        representation: Representation,
        settings: Settings,
        train: Sequence[str | Path],
        *,
        units: str | Path | None,
    ):
        self.representation, self.settings, dialogue = representation, settings, representation.dialogue
        self.units = units
        require(
            dialogue is not None,
            "this model listens to no dialogues; train one with a section 'dialogue' (sonant train vap) or import one",
        )
        on_units = stands_on_arrays(representation)
        require(
            on_units == (units is not None),
            "this model stands on units: give those of the dialogues with --units, from sonant units encode --form "
            "dialogue"
            if on_units
            else "this model hears audio; leave --units out",
        )
        self.projection, self.rate = dialogue.cfg.projection, dialogue.geometry.rate
        self.window = Window(rate=self.rate, bins_s=dialogue.cfg.bins_s)
        self.discrete, self.train = self.projection == "discrete", list(train)
        self.counted = Counted(self.window) if self.discrete else None
        for place in self.train if self.discrete else ():
            for told in read_dialogues(place):
                self.counted.add(activity_frames(told.activity, rate=self.rate, duration=told.duration))

    def sheets(self, place: str | Path, progress: Callable[[int, int], None] | None = None) -> dict[str, Sheet]:
        """Of the model (``""``) and of what does not listen."""
        pool = self._pool(place)
        made = {s: self._maker(s) for s in self.settings.sets}
        tracks = [pool.frames_of(number, self.rate) for number in range(len(pool))]
        own = self.discrete and not self.train
        for track_TC in tracks if own else ():
            self.counted.add(track_TC)
        sheets: dict[str, Sheet] = {"": Sheet()}
        for number, track_TC in enumerate(tracks):
            events = {s: maker(track_TC) for s, maker in made.items()}
            same = np.flatnonzero(pool.index == pool.index[number]) if own else ()  # of both its channels
            for other in same:
                self.counted.add(tracks[other], sign=-1)
            self._score(pool.read(number), track_TC, events, sheets)
            for other in same:
                self.counted.add(tracks[other])
            if progress is not None:
                progress(number + 1, len(pool))
        for track_TC in tracks if own else ():
            self.counted.add(track_TC, sign=-1)
        return sheets

    def _pool(self, place: str | Path) -> DialoguePool | UnitDialoguePool:
        manifest, rate = Manifest.open(place), self.representation.sample_rate
        if self.units is None:
            return DialoguePool(manifest, sample_rate=rate)
        pool, known = UnitDialoguePool(manifest, arrays=self.units, sample_rate=rate), self.representation.dialogue
        require(
            (pool.dim, pool.geometry.rate) == (self.representation.encoder.features.dim, known.geometry.rate),
            f"'{self.units}' holds {pool.dim} units at {pool.geometry.rate:g} Hz, and this model was trained on others",
        )
        require(
            not (pool.self_first and self.settings.both_ways),
            "of units of each channel a dialogue is scored from both sides already; leave --both-ways out",
        )
        return pool

    def _maker(self, event_set: EventSet) -> EventMaker:
        cfg = self.settings
        return EventMaker(event_set, self.rate, settings_of(event_set), cfg.seed, all_holds=cfg.all_holds)

    def _score(self, wave_CL: np.ndarray, track_TC: np.ndarray, events: dict, sheets: dict[str, Sheet]) -> None:
        for turned in (False, True) if self.settings.both_ways else (False,):
            if turned:
                wave_CL = wave_CL[::-1] if self.units is None else wave_CL
                track_TC = np.ascontiguousarray(track_TC[:, ::-1])
                events = {s: flipped_events(found) for s, found in events.items()}
            for called, logits in self._said(wave_CL, track_TC):
                self._note(sheets.setdefault(called, Sheet()), logits, track_TC, events)

    def _said(self, wave_CL: np.ndarray, track_TC: np.ndarray) -> Iterator[tuple[str, Tensor]]:
        """Logits of every frame by who says so."""
        times = {"context": self.settings.context, "step": self.settings.step}
        if self.units is None:
            wave = wave_CL if self.representation.dialogue.channels == 2 else wave_CL.mean(0)
            heard = dialogue_logits(self.representation, wave, track_TC, **times)
        else:
            unit_T, told_TC = torch.from_numpy(wave_CL.argmax(-1)), torch.from_numpy(np.ascontiguousarray(track_TC))
            heard = unit_dialogue_logits(self.representation, unit_T, told_TC, **times)[0]
        yield "", heard
        if self.discrete:
            yield ACTIVITY_ONLY, self.counted.logits(track_TC)[: len(heard)]
            prior_K = torch.from_numpy(self.counted.log_prior_K.astype(np.float32))
            yield "class prior", prior_K.expand(len(heard), -1)

    def _note(self, sheet: Sheet, logits: Tensor, track_TC: np.ndarray, events: dict) -> None:
        loss_T = self._loss(logits, track_TC)
        sheet.loss, sheet.frames = sheet.loss + float(loss_T.double().sum()), sheet.frames + len(loss_T)
        told = probabilities(logits, track_TC, self.projection)
        for s, found in events.items():
            for called, task in TASKS[s].items():
                if task.probability in told:
                    samples = samples_of_task(task, told, found, per=self.settings.per)
                    sheet.samples.setdefault((s, called), []).append(samples)

    def _loss(self, logits: Tensor, track_TC: np.ndarray) -> Tensor:
        """(T,) loss in nats of the frames whose whole future is known."""
        T = min(len(logits), max(len(track_TC) - self.window.horizon, 0))
        if self.discrete:
            return F.cross_entropy(logits[:T], torch.from_numpy(futures(track_TC, self.window)[:T]), reduction="none")
        activity_BTC = torch.from_numpy(np.ascontiguousarray(track_TC))[None]
        if self.projection == "independent":
            return independent_loss(logits[None, :T], projection_bins(activity_BTC, self.window)[:, :T])[0]
        return comparative_loss(logits[None, :T], projection_shares(activity_BTC, self.window)[:, :T])[0]


class _Lines:
    """Sheets as results."""

    def __init__(self, settings: Settings, data: str, seconds: float, *, tuned: bool):
        self.settings, self.data, self.seconds, self.tuned = settings, data, seconds, tuned

    def of_projection(self, called: str, sheets: dict[str, Sheet], scorer: _Scorer) -> list[Result]:
        figure = "cross_entropy" if scorer.discrete else "loss"
        shown = {"projection": scorer.projection, "rate": scorer.rate}
        return [
            self._line("projection", model or called, {figure: sheet.loss / sheet.frames}, shown, frames=sheet.frames)
            for model, sheet in sheets.items()
            if sheet.frames
        ]

    def of_tasks(self, called: str, sheets: dict[str, Sheet], tuned: dict[str, Sheet]) -> list[Result]:
        """Tasks of which an event occurs, of the model, of activity only, of the majority and of a coin."""
        lines = []
        for (s, task), parts in sheets[""].samples.items():
            samples = joined(parts)
            if not len(samples):
                continue
            scored = {}
            for model in ("", ACTIVITY_ONLY):
                if (s, task) in sheets.get(model, Sheet()).samples:
                    known = tuned[model].samples.get((s, task), []) if tuned else []
                    threshold, said = self._threshold(s, task, known), joined(sheets[model].samples[s, task])
                    scored[model] = {**_figures(scores_at(said, threshold)), "auc": area(said)}, threshold
            scored["majority"] = _figures(majority_scores(samples)), None
            scored["random"] = _figures(random_scores(samples, seed=self.settings.seed)), None
            counts = {"samples": len(samples), "positive": int(samples.target_M.sum())}
            shown = {"set": s, "task": task, "per": self.settings.per, "tuned": self._tunes(task)}
            for model, (figures, threshold) in scored.items():
                figures = {name: value for name, value in figures.items() if np.isfinite(value)}
                lines.append(self._line("turn_taking", model or called, figures, shown, threshold=threshold, **counts))
        return lines

    def _threshold(self, event_set: str, task: str, known: list[Samples]) -> float:
        default = THRESHOLDS.get(task, 0.5) if event_set == "2022" else 0.5
        if not self._tunes(task) or not known or not len(samples := joined(known)):
            return default
        return curve(samples).best()

    def _tunes(self, task: str) -> bool:
        return self.tuned and (task != "shift_hold" or self.settings.tune_all)

    def _line(self, task: str, model: str, figures: dict[str, float], shown: dict, **extra) -> Result:
        cfg = self.settings
        beside = {"context": cfg.context, "step": cfg.step, "both_ways": cfg.both_ways, "all_holds": cfg.all_holds}
        return Result(
            task=task, figure=figures, settings={**shown, **beside}, model=model, data=self.data, seed=cfg.seed,
            seconds=self.seconds, extra=extra,
        )  # fmt: skip


def _figures(scores: Scores) -> dict[str, float]:
    names = ("f1", "balanced_accuracy", "accuracy_0", "accuracy_1")
    return {name: float(getattr(scores, name)) for name in names}
