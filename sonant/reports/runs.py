"""What lies on disk about a run: read leniently, so that a page can be made of a run that is young or broken."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ..core.config import read_yaml
from ..core.errors import SonantError, require
from .examples import find_examples
from .results import Result, read_results, read_whole_results

NOT_SCALARS = {"kind", "step", "seconds", "cpu_seconds"}


@dataclass
class Run:
    """A run folder, or what there is of one.

    Attributes:
        name: what the page calls it.
        folder: where it lies.
        config: the resolved configuration, and its text as it stands in ``config.yaml``.
        model: ``config.json`` of the model, and ``card``, the text of its ``README.md``.
        metrics: the lines of ``metrics.jsonl`` in order.
        results: its scores.
        examples: files of utterances to show.
        notes: what was missing or broken, a line each.
    """

    name: str
    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    config_text: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    card: str = ""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    examples: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """The lines of these kinds, in order."""
        return (line for line in self.metrics if line.get("kind") in kinds)

    def series(self, kind: str, key: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of one scalar, each (N,), steps rising; of a step written twice the later line counts."""
        points = {}
        for line in self.lines(kind):
            if is_number(line.get("step")) and is_number(line.get(key)):
                points[line["step"]] = float(line[key])
        steps = sorted(points)
        return np.array(steps, dtype=float), np.array([points[step] for step in steps], dtype=float)

    def scalars(self, kind: str) -> list[str]:
        """Names of the scalars that lines of this kind hold, in order of appearance."""
        names: dict[str, None] = {}
        for line in self.lines(kind):
            names.update({key: None for key, value in line.items() if key not in NOT_SCALARS and is_number(value)})
        return list(names)

    def find(self, *keys: str) -> Any:
        """The first of some dotted keys that the model's description or the configuration holds, else None."""
        for key in keys:
            for place in (self.model, self.config):
                value: Any = place
                for part in key.split("."):
                    value = value.get(part) if isinstance(value, Mapping) else None
                if value is not None:
                    return value
        return None

    @property
    def steps(self) -> int | None:
        """The last step that was trained."""
        done = [line["step"] for line in self.lines("train", "valid") if is_number(line.get("step"))]
        return int(max(done)) if done else None

    @property
    def wall_seconds(self) -> float | None:
        """Time that the run took, interruptions left out: the sum of what its clock advanced."""
        clock = [float(line["seconds"]) for line in self.metrics if is_number(line.get("seconds"))]
        if not clock:
            return None
        return clock[0] + sum(max(after - before, 0.0) for before, after in zip(clock, clock[1:], strict=False))

    @property
    def chance(self) -> float | None:
        """The loss of knowing nothing, where the run says it."""
        value = self.find("chance", "training.chance", "method.chance", "train.chance")
        if value is None:
            value = next((line["chance"] for line in self.metrics if "chance" in line), None)
        return float(value) if is_number(value) else None


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value of a file is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read_sources(sources: Sequence[str | Path]) -> tuple[list[Run], list[Result]]:
    """(runs, every score) of run folders, model folders and ``results.jsonl`` files.

    Raises:
        SonantError: a source does not exist or is neither; a line of results is broken.
    """
    require(len(sources) > 0, "a report needs at least one run folder or results.jsonl")
    runs: list[Run] = []
    results: list[Result | Run] = []  # a run stands where its results will
    for source in map(Path, sources):
        require(source.exists(), f"{source}: no such file or folder; give run folders or results.jsonl files")
        if source.is_file():
            results += read_results(source)
            continue
        run = read_run(source)
        known = run.metrics or run.config or run.model or run.examples
        require(
            bool(known or run.results),
            f"{source}: nothing to report here: no metrics.jsonl, config.yaml, results.jsonl or model folder; "
            "give the folder that 'sonant train' wrote",
        )
        runs += [run] if known else []
        results.append(run)
    _tell_apart(runs)
    return runs, [result for one in results for result in (_named(one) if isinstance(one, Run) else [one])]


def read_run(folder: str | Path, *, lenient: bool = False) -> Run:
    """Whatever of a run folder is there; what is not is told in ``notes``.

    Args:
        lenient: leave out broken lines of ``results.jsonl``, which are an error otherwise.
    """
    folder = Path(folder)
    resolved = folder.resolve()
    run = Run(name=resolved.parent.name if resolved.name == "model" else resolved.name, folder=folder)
    _read_config(run)
    model = next((path for path in (folder / "model", folder) if (path / "config.json").is_file()), None)
    if model is None:
        run.notes.append("no model/config.json: no model was saved yet")
    else:
        run.model = _read_json(model / "config.json", run)
        if (model / "README.md").is_file():
            run.card = (model / "README.md").read_text(encoding="utf-8", errors="replace")
    _read_metrics(run)
    if (folder / "results.jsonl").is_file():
        file = folder / "results.jsonl"
        run.results = read_whole_results(file)[0] if lenient else read_results(file)
    run.examples = find_examples([folder])
    return run


def short_name(model: str) -> str:
    """``runs/cpc/model`` and ``runs/cpc`` -> ``cpc``: the last telling part of a path."""
    parts = [part for part in model.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    while len(parts) > 1 and parts[-1] in ("model", "best", "last", "checkpoints"):
        parts.pop()
    return parts[-1] if parts else "model"


def _read_config(run: Run) -> None:
    path = run.folder / "config.yaml"
    if not path.is_file():
        run.notes.append("no config.yaml: the settings are not known")
        return
    try:
        run.config_text = path.read_text(encoding="utf-8", errors="replace")
        run.config = read_yaml(path)
    except (SonantError, OSError) as error:
        run.notes.append(f"config.yaml is broken: {error}")


def _read_json(path: Path, run: Run) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        run.notes.append(f"{path.name} is broken: {error}")
        return {}
    return content if isinstance(content, dict) else {}


def _read_metrics(run: Run) -> None:
    path = run.folder / "metrics.jsonl"
    if not path.is_file():
        run.notes.append("no metrics.jsonl: there are no curves")
        return
    broken = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            value = None
        if isinstance(value, dict):
            run.metrics.append(value)
        else:
            broken.append(number)
    if broken:
        lines = f"{len(broken)} lines of metrics.jsonl are" if len(broken) > 1 else "1 line of metrics.jsonl is"
        run.notes.append(f"{lines} not JSON and left out (line {broken[0]}); a run that was cut off may leave one")


def _named(run: Run) -> list[Result]:
    """The run's results; those that name no model are of the run's own."""
    return [dataclasses.replace(result, model=result.model or run.name) for result in run.results]


def _tell_apart(runs: Sequence[Run]) -> None:
    """Runs of one name get their parent's name before it, and a number if that is the same too."""
    names = [run.name for run in runs]
    for run in runs:
        if names.count(run.name) > 1:
            inside = run.folder.resolve()
            run.name = f"{(inside.parent if inside.name == 'model' else inside).parent.name}/{run.name}"
    names = []
    for run in runs:
        names.append(run.name)
        if names.count(run.name) > 1:
            run.name = f"{run.name} ({names.count(run.name)})"
