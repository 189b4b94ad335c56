"""Experiments on disk, read leniently: the settings, costs and scores of every one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.config import read_yaml
from ..core.errors import SonantError, require
from .results import Result, read_whole_results
from .runs import Run, is_number, read_run

CONFIG, RUN, SCORES = "config.yaml", "run", "scores"
SIGNS = ("run.json", CONFIG, "metrics.jsonl", "results.jsonl")  # a folder that holds one of them is an experiment
NOT_INSIDE = ("earlier", "stages", "checkpoints", "model", "tensorboard", "corpus", "frames")
DEEPEST = 4  # levels of folders that are looked through for experiments


@dataclass
class Experiment:
    """One row of the table.

    Attributes:
        name: ``model/version_N``, or the name of a run folder.
        folder: where it lies; ``run`` is the training in it.
        settings: the resolved configuration, by dotted keys.
        results: every score that could be read.
        notes: what was missing or broken, a line each.
    """

    name: str
    folder: Path
    run: Run
    settings: dict[str, Any] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def costs(self) -> dict[str, float]:
        """What training took and how well it went: steps, seconds, cpu_seconds, audio_hours, valid_loss; as known."""
        run = self.run
        clock = [line["cpu_seconds"] for line in run.metrics if is_number(line.get("cpu_seconds"))]
        _, losses = run.series("valid", "loss")
        found = {
            "steps": run.steps,
            "seconds": run.wall_seconds,
            "cpu_seconds": max(clock, default=None),
            "audio_hours": run.find("training.audio_hours"),
            "valid_loss": float(losses.min()) if len(losses) else run.find("training.valid_loss"),
        }
        return {key: value for key, value in found.items() if is_number(value)}


def find_experiments(places: Sequence[str | Path]) -> list[Experiment]:
    """The experiments in some folders: run folders, work folders of recipes, or folders of them, such as ``exp``.

    Raises:
        SonantError: a folder does not exist, or holds no experiment.
    """
    folders: dict[Path, Path] = {}
    for place in map(Path, places):
        require(place.is_dir(), f"{place}: there is no such folder; give experiment folders, or the folder of all")
        found = list(_folders(place, DEEPEST))
        require(
            found,
            f"{place}: no experiment here: no folder in it holds {', '.join(SIGNS[:-1])} or {SIGNS[-1]}; "
            "'sonant run pretrain' makes them",
        )
        folders |= {folder.resolve(): folder for folder in found if folder.resolve() not in folders}
    experiments = [read_experiment(folder) for folder in folders.values()]
    _tell_apart(experiments)
    return experiments


def read_experiment(folder: str | Path) -> Experiment:
    """One experiment; what is broken or not there is told in ``notes``."""
    folder = Path(folder)
    inner = folder / RUN if (folder / RUN).is_dir() else folder
    run = read_run(inner, lenient=True)
    found = Experiment(_name(folder), folder, run)
    found.notes = [f"{inner}: {note}" for note in run.notes]
    settings = run.config
    if (folder / CONFIG).is_file() and inner != folder:
        try:
            settings = read_yaml(folder / CONFIG)
        except (SonantError, OSError) as error:
            found.notes.append(str(error))
    found.settings = dict(dotted(settings))
    for file in _result_files(folder):
        results, broken = read_whole_results(file)
        found.results += results
        found.notes += broken
    return found


def dotted(settings: Mapping, above: str = "") -> Iterator[tuple[str, Any]]:
    """``{"optim": {"lr": 1}}`` -> ``("optim.lr", 1)``, leaf by leaf."""
    for key, value in settings.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from dotted(value, name)
        else:
            yield name, value


def differing(experiments: Iterable[Experiment]) -> list[str]:
    """The settings in which experiments differ, in the order of their configurations.

    A setting that only some have (of another component) counts when it differs among these. ``about`` never does.
    """
    values: dict[str, set[str]] = {}
    for experiment in experiments:
        for key, value in experiment.settings.items():
            values.setdefault(key, set()).add(json.dumps(value, sort_keys=True, default=str))
    sections = list(dict.fromkeys(key.split(".")[0] for key in values))
    names = [key for key, seen in values.items() if len(seen) > 1 and key != "about"]
    return sorted(names, key=lambda key: (sections.index(key.split(".")[0]), not key.endswith(".name")))


def _folders(place: Path, deepest: int) -> Iterator[Path]:
    if any((place / sign).is_file() for sign in SIGNS) or (place / "model" / "config.json").is_file():
        yield place
    elif deepest:
        for inner in sorted(place.iterdir(), key=_by_number):
            if inner.is_dir() and not inner.name.startswith(".") and inner.name not in NOT_INSIDE:
                yield from _folders(inner, deepest - 1)


def _by_number(path: Path) -> tuple:
    """``version_10`` after ``version_9``, ``csa16`` after ``csa8``."""
    letters = path.name.rstrip("0123456789")
    digits = path.name[len(letters) :]
    return letters, int(digits or -1)


def _result_files(folder: Path) -> list[Path]:
    """``results.jsonl`` anywhere in an experiment, and every list in a folder ``scores``; nothing set aside."""
    files = {*folder.rglob("results.jsonl"), *folder.rglob(f"{SCORES}/*.jsonl")}
    return sorted(file for file in files if not {*file.relative_to(folder).parts} & {*NOT_INSIDE})


def _name(folder: Path) -> str:
    whole = folder.resolve()
    return f"{whole.parent.name}/{whole.name}" if whole.name.startswith("version_") else whole.name


def _tell_apart(experiments: Sequence[Experiment]) -> None:
    """Experiments of one name get more of their path."""
    names = [experiment.name for experiment in experiments]
    for experiment in experiments:
        if names.count(experiment.name) > 1:
            experiment.name = str(experiment.folder)
