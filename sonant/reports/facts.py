"""Where a run comes from: its settings, its provenance and what happened on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..version import __version__
from .markup import Html, folded, join, missing, section, table, tag
from .results import spell_figure
from .runs import NOT_SCALARS, Run, is_number
from .scores import Group, Labels, main_group

# What is told -> the keys of config.json (first) or config.yaml that may hold it.
KEYS = {
    "sonant version": ("sonant", "training.version", "version"),
    "method": ("training.method", "method.name", "method"),
    "seed": ("training.seed", "train.seed", "seed"),
    "training data": ("training.data.name", "training.data.manifest", "training.data", "data.train", "data.manifest"),
    "hours of audio": ("training.hours", "training.data.hours", "data.hours"),
    "speakers": ("training.speakers", "training.data.speakers", "data.speakers"),
    "languages": ("training.languages", "training.data.languages", "data.languages"),
    "imported from": ("training.from",),
    "audio heard (h)": ("training.audio_hours",),
    "date": ("training.date", "date"),
    "processes": ("training.world", "training.world_size", "training.processes"),
    "machine": ("training.machine", "training.device"),
    "CPU cores": ("training.cores", "training.machine.cores"),
    "git commit": ("training.commit", "training.git_commit", "commit"),
    "parameters": ("parameters", "training.parameters"),
}
OF_THE_MANIFEST = {"hours of audio": "hours", "speakers": "speakers", "languages": "languages"}
EXPECTED = ("sonant version", "seed", "training data", "hours of audio", "speakers", "date", "CPU cores", "git commit")


def provenance(run: Run) -> dict[str, str]:
    """What is known about where a run comes from, by name; what should be there and is not is said."""
    facts = {}
    for name, keys in KEYS.items():
        value = known_of_data(run, name) if name in OF_THE_MANIFEST else run.find(*keys)
        if isinstance(value, Mapping):
            plain = {key: item for key, item in value.items() if not isinstance(item, (Mapping, list))}
            value = ", ".join(f"{item}" if key == "name" else f"{key} {item}" for key, item in plain.items())
        if value is not None and value != "":
            facts[name] = _spell(value)
        elif name in EXPECTED:
            facts[name] = "not recorded"
    if run.steps is not None:
        facts["steps"] = f"{run.steps:,}"
    if run.wall_seconds is not None:
        facts["wall time"] = duration(run.wall_seconds)
    return facts


def known_of_data(run: Run, name: str) -> Any:
    """Hours, speakers or languages of the training data: as the run recorded them, else as its manifest says."""
    value = run.find(*KEYS[name])
    folder = run.find(*KEYS["training data"])
    if value is not None or not isinstance(folder, str):
        return value
    try:
        content = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get(OF_THE_MANIFEST[name]) if isinstance(content, Mapping) else None


def duration(seconds: float) -> str:
    """A time for people: ``42 s``, ``12 min 30 s``, ``3 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def key_figures(run: Run, groups: Sequence[Group]) -> list[tuple[str, str]]:
    """(figure, what it is) of one run: its scores, its lowest validation loss, its size, its speed."""
    leading = [
        main_group([group for group in groups if run.name in group.scores], kind) for kind in ("across", "within")
    ]
    figures = [
        (spell_figure(group.figure, group.mean(run.name)), f"ABX error {group.settings['speaker']} speakers")
        for group in leading
        if group is not None
    ]
    _, valid = run.series("valid", "loss")
    if len(valid):
        figures.append((f"{valid.min():.3g}", "lowest validation loss"))
    if run.steps is not None:
        figures.append((f"{run.steps:,}", "training steps"))
    _, speed = run.series("train", "audio_seconds_per_second")
    if len(speed):
        figures.append((f"{np.median(speed):,.0f} ×", "real time, median"))
    hours = known_of_data(run, "hours of audio")
    if is_number(hours):
        figures.append((f"{float(hours):.3g} h", "of audio to learn from"))
    if run.wall_seconds is not None:
        figures.append((duration(run.wall_seconds), "of training"))
    return figures[:6]


def runs_table(runs: Sequence[Run], groups: Sequence[Group]) -> Html:
    """Several runs side by side: one row each, training figures and scores joined."""
    abx = [group for group in groups if group.task == "abx" and any(run.name in group.scores for run in runs)][:4]
    rows = []
    for run in runs:
        _, valid = run.series("valid", "loss")
        _, speed = run.series("train", "audio_seconds_per_second")
        scores = [spell_figure(group.figure, group.mean(run.name)) if run.name in group.scores else "" for group in abx]
        rows.append(
            (
                tag("b", run.name),
                *scores,
                f"{valid.min():.4g}" if len(valid) else "",
                "" if run.steps is None else f"{run.steps:,}",
                f"{np.median(speed):,.0f}" if len(speed) else "",
                "" if run.wall_seconds is None else duration(run.wall_seconds),
            )
        )
    columns = (
        "run",
        *(f"ABX {group.condition}" for group in abx),
        "lowest valid. loss",
        "steps",
        "× real time",
        "time",
    )
    return table(columns, rows)


def settings_section(runs: Sequence[Run]) -> Html:
    """Where runs differ, then each resolved configuration."""
    blocks = [_differences(runs)] if len(runs) > 1 else []
    for run in runs:
        if run.config_text:
            blocks.append(folded(f"{run.name}: config.yaml", tag("pre", run.config_text)))
        if run.model:
            described = json.dumps(run.model, indent=2, ensure_ascii=False, default=str)
            blocks.append(folded(f"{run.name}: the model’s config.json", tag("pre", described)))
        if run.card:
            blocks.append(folded(f"{run.name}: the model card", tag("pre", run.card, class_="wrap")))
        if not run.config_text and not run.model:
            blocks.append(missing(f"{run.name}: no config.yaml and no model/config.json."))
    return section(
        "settings", "Settings", *(blocks or [missing("No run folder was given: the settings are not known.")])
    )


def provenance_section(runs: Sequence[Run]) -> Html:
    """A column of facts for each run, and what made this page."""
    known = [provenance(run) for run in runs]
    names = list(dict.fromkeys(name for facts in known for name in facts))
    rows = [(name, *(facts.get(name, "") for facts in known)) for name in names]
    facts = table(("", *(run.name for run in runs)), rows, class_="facts") if rows else ""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    made = tag("p", f"Page made by sonant {__version__} on {now}. It loads nothing from anywhere.", class_="fine")
    return section("provenance", "Provenance", facts, made)


def events_section(runs: Sequence[Run], labels: Labels) -> Html:
    """What the runs reported besides figures (resumes, NaN, collapse), and what was missing on disk."""
    rows = []
    for run in runs:
        for line in run.lines("event"):
            seconds = line.get("seconds")
            when = duration(float(seconds)) if is_number(seconds) else ""
            rows.append((run.name, str(line.get("step", "")), when, _event(line)))
    told = (
        table(("run", "step", "after", "what"), rows) if rows else missing("No events: no NaN, no collapse, no resume.")
    )
    notes = [missing(f"{run.name}: {note}.") for run in runs for note in run.notes]
    return section("events", "Events", told, *notes) if runs else join([])


def _event(line: Mapping) -> str:
    """``event: message (key value, ...)`` of an event line."""
    known = ": ".join(str(line[key]) for key in ("event", "message") if line.get(key))
    others = [f"{key} {line[key]}" for key in line if key not in NOT_SCALARS | {"event", "message"}]
    return known + (f" ({', '.join(others)})" if others else "")


def _differences(runs: Sequence[Run]) -> Html:
    flat = [_flatten(run.config) for run in runs]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    rows = [
        (tag("code", key), *(_spell(one.get(key, "")) for one in flat))
        for key in keys
        if len({json.dumps(one.get(key), default=str) for one in flat}) > 1
    ]
    if not rows:
        return missing("The configurations of these runs do not differ.")
    return table(("differs", *(run.name for run in runs)), rows)


def _flatten(config: Mapping, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _spell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "null"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10000 else str(value)
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
