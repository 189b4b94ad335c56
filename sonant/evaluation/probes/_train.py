"""Training a head on the layers of an encoder, and scoring it.

Letters: K layers, B utterances, T frames, D dimensions.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...core import Frames, Representation, numpy_generator, require, samples_of, seed_everything
from ...core.seeding import restore_rng_state, rng_state
from ...data.manifest import Manifest
from ...nn.layer_sum import LayerSum
from ._batches import LengthBatches
from ._features import Cached, Live, choose_layers
from ._task import Arrays, Example, Probe, ProbeResult, Progress


class Head(nn.Module):
    """The weighted sum of the layers with the task's head on it."""

    def __init__(self, task: Probe, live: Live):
        super().__init__()
        self.layers = LayerSum(len(live.layers), layer_norm=task.cfg.normalise == "layer")
        self.head = task.head(live.dim, live.geometry)

    def forward(self, layers: Sequence[Frames]) -> Any:
        return self.head(self.layers(layers))


@dataclass(frozen=True)
class Sets:
    """Examples to train on, to choose the best step with, and to score."""

    train: list[Example]
    held: list[Example]
    test: list[Example]


def run(
    task: Probe,
    representation: Representation,
    train: Manifest,
    test: Manifest,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    arrays: Arrays = (),
) -> ProbeResult:
    """As ``Probe.run``."""
    started, before = time.perf_counter(), rng_state()
    try:
        representation.eval()
        seed_everything(seed)
        sets = _sets(task, train, test, seed)
        classes = task.learn([example.label for example in sets.train])
        task.check(sets.test)
        layers = choose_layers(representation, task.cfg.layer)
        live = Live(representation, layers, trainable=task.cfg.encoder_lr is not None, arrays=arrays)
        return _run(task, live, sets, classes, seed, progress, started)
    finally:
        representation.eval()
        restore_rng_state(before)


def _run(
    task: Probe,
    live: Live,
    sets: Sets,
    classes: dict[str, Any],
    seed: int,
    progress: Progress | None,
    started: float,
) -> ProbeResult:
    cfg = task.cfg
    seen = [example.utterance for example in (*sets.train, *sets.held)]
    cached = not live.trainable and live.bytes_of(seen) <= cfg.cache_gb * 1e9
    source = Cached(live, seen) if cached else live
    if cfg.normalise == "corpus":
        shown = seen[: len(sets.train)]
        source.standardise(live, shown) if isinstance(source, Cached) else live.standardise(shown)
    head = Head(task, live).to(live.device)
    fitting = Fitting(task, head, source, live, sets, seed)
    steps = fitting.run(progress)
    figures = task.score(decide(task, head, live, sets.test), sets.test)
    weights = head.layers.weights_K.tolist()
    counts = {
        "train_utterances": len(sets.train),
        "held_out_utterances": len(sets.held),
        "test_utterances": len(sets.test),
        **classes,
        "chance": task.chance(sets.test),
        "steps": steps,
        "best_step": fitting.best_step or steps,
        "head_parameters": sum(p.numel() for p in head.parameters()),
        "cached": cached,
    }
    layers = dict(zip(live.layers, weights, strict=True))
    return ProbeResult(figures, layers, counts, fitting.best_figures, time.perf_counter() - started)


class Fitting:
    """A training of a head, with the best weights so far."""

    def __init__(self, task: Probe, head: Head, source: Live | Cached, live: Live, sets: Sets, seed: int):
        self.task, self.cfg, self.head, self.source, self.live = task, task.cfg, head, source, live
        self.sets = sets
        self.module = nn.ModuleList([head, live.representation] if live.trainable else [head])
        learns = not live.trainable or any(p.requires_grad for p in live.representation.parameters())
        require(learns, "this model has no weights that could be fine-tuned; leave --encoder-lr out")
        lengths = [example.utterance.duration for example in sets.train]
        self.batches = LengthBatches(lengths, batch_size=self.cfg.batch_size, seed=seed)
        groups = [{"params": list(head.parameters()), "lr": self.cfg.lr}]
        if live.trainable:
            groups.append({"params": list(live.representation.parameters()), "lr": self.cfg.encoder_lr})
        groups = [{**group, "params": [p for p in group["params"] if p.requires_grad]} for group in groups]
        self.optimiser = torch.optim.Adam([group for group in groups if group["params"]])
        self.best_figures: dict[str, float] = {}
        self.best_step = self.looks_without_gain = 0
        self.best_weights: dict | None = None

    def run(self, progress: Progress | None) -> int:
        """Train, leave the best weights in place and return how many steps were taken."""
        step = 0
        while step < self.cfg.steps and not self._tired:
            self._step(step)
            step += 1
            if self.sets.held and (step % self.cfg.eval_every == 0 or step == self.cfg.steps):
                self._look(step)
            if progress is not None:
                progress(step, self.cfg.steps)
        if self.best_weights is not None:
            self.module.load_state_dict(self.best_weights)
        return step

    @property
    def _tired(self) -> bool:
        return 0 < self.cfg.patience <= self.looks_without_gain

    def _step(self, step: int) -> None:
        self.module.train()
        examples = [self.sets.train[i] for i in self.batches(step)]
        utterances = [example.utterance for example in examples]
        if self.cfg.crop_seconds is None or self.task.timed:
            layers = self.source.batch(utterances)
        else:
            samples = samples_of(self.cfg.crop_seconds, self.live.geometry.sample_rate)
            layers = self.source.batch(utterances, self.batches.crop(step), samples)
        loss = self.task.loss(self.head(layers), [example.label for example in examples])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.cfg.clip)
        self.optimiser.step()

    def _look(self, step: int) -> None:
        figures = self.task.score(decide(self.task, self.head, self.source, self.sets.held), self.sets.held)
        if not figures:
            return
        new, old = figures[self.task.figure], self.best_figures.get(self.task.figure)
        if old is None or (new < old if self.task.lower else new > old):
            self.best_figures, self.best_step, self.looks_without_gain = figures, step, 0
            self.best_weights = copy.deepcopy(self.module.state_dict())
        else:
            self.looks_without_gain += 1


@torch.no_grad()
def decide(task: Probe, head: Head, source: Live | Cached, examples: Sequence[Example]) -> list[Any]:
    """What a head says of every example, in their order; the encoder stands still."""
    head.eval()
    if isinstance(source, Live):
        source.representation.eval()
    order = sorted(range(len(examples)), key=lambda i: examples[i].utterance.duration)
    found: dict[int, Any] = {}
    for begin in range(0, len(order), task.cfg.batch_size):
        part = order[begin : begin + task.cfg.batch_size]
        output = head(source.batch([examples[i].utterance for i in part]))
        found.update(zip(part, task.decide(output), strict=True))
    return [found[i] for i in range(len(examples))]


def _sets(task: Probe, train: Manifest, test: Manifest, seed: int) -> Sets:
    """Labelled examples; the held-out part is drawn by speaker or by utterance as the task says."""
    by_speaker = task.hold_out_by == "speaker" and len(train.speakers) > 1
    _, held = train.split(task.cfg.hold_out, seed=seed, by="speaker" if by_speaker else "utterance")
    held_numbers = set(held.tolist())
    kept, left = [], []
    for number, utterance in enumerate(train):
        label = task.label(utterance)
        if label is not None:
            (left if number in held_numbers else kept).append(Example(utterance, label))
    if task.hold_out_by == "utterance":
        kept, left = _every_class(kept, left, seed)
    scored = [Example(u, label) for u in test if (label := task.label(u)) is not None]
    for manifest, found in ((train, kept), (test, scored)):
        require(found, f"no utterance of '{manifest.folder}' is of use: this probe needs {task.wanted}")
    return Sets(kept, left, scored)


def _every_class(kept: list[Example], left: list[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Held-out examples of classes that training would miss go back to it, one of each."""
    classes = {example.label for example in kept}
    still = []
    for i in numpy_generator(seed, "classes").permutation(len(left)):
        if left[i].label in classes:
            still.append(left[i])
        else:
            classes.add(left[i].label)
            kept.append(left[i])
    return kept, still
