"""Scores side by side: grouped by what they measure, a bar for each model, baselines in grey."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from .markup import Html, folded, join, missing, section, table, tag
from .results import (
    BASELINES,
    CHANCE,
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    Result,
    condition,
    results_table,
    spell_figure,
    spell_name,
)
from .runs import Run, short_name

# Settings that say how a model was reached or run, not what the figure means.
OF_THE_MODEL = {
    "layer", "rate", "features", "model", "audio", "device", "jobs", "workers", "threads", "backend", "command",
    "batch_size", "seconds", "dim", "pairs", "cells", "triples", "format", "cores", "examples",
}  # fmt: skip
GREYS = {"MFCC": 8, "log-mel": 9}
HUES = 8


@dataclass
class Group:
    """Scores that may be compared: the same figure of the same task, data and settings.

    Attributes:
        scores: label of the model -> its results, one for each seed.
    """

    task: str
    figure: str
    condition: str
    data: str
    settings: dict
    scores: dict[str, list[Result]] = field(default_factory=dict)

    def mean(self, label: str) -> float:
        """Mean over the seeds of a model."""
        return fmean(result.figures[self.figure] for result in self.scores[label])

    @property
    def best(self) -> str | None:
        """The model with the best mean, where better has a direction and there is a choice."""
        if len(self.scores) < 2 or self.figure not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
            return None
        return (min if self.figure in LOWER_IS_BETTER else max)(self.scores, key=self.mean)

    @property
    def baseline(self) -> str | None:
        """The baseline to compare with: MFCC, else log-mel."""
        return next((label for label in GREYS if label in self.scores), None)


class Labels:
    """What the page calls each model, and in which colour: runs first, the baselines grey."""

    def __init__(self, runs: Sequence[Run], models: Iterable[str]):
        self.runs = [run.name for run in runs]
        self.bare = {bare_name(model) for model in models}
        self.colours: dict[str, int] = {}
        for name in (*self.runs, *sorted(map(self.of, self.bare))):
            if name not in self.colours:
                used = sum(label not in GREYS for label in self.colours)
                self.colours[name] = GREYS.get(name, used % HUES)

    def of(self, model: str) -> str:
        """The label of a model's name or path; a run's own name where it is that run's model."""
        bare = bare_name(model)
        if bare.lower() in BASELINES:
            return BASELINES[bare.lower()]
        for name in self.runs:
            if bare == name or bare.endswith("/" + name):
                return name
        alike = [other for other in self.bare if short_name(other) == short_name(bare)]
        return short_name(bare) if len(alike) < 2 else bare

    def colour(self, label: str) -> int:
        return self.colours.get(label, HUES - 1)


def bare_name(model: str) -> str:
    """A path up to the part that names the run: ``runs/cpc/model`` -> ``runs/cpc``."""
    short = short_name(model)
    return model[: model.rindex(short) + len(short)] if short in model else short


def group_scores(results: Iterable[Result], labels: Labels) -> list[Group]:
    """Results sorted into groups, tasks in order of appearance; of a score repeated with its seed the last counts."""
    groups: dict[str, Group] = {}
    for result in results:
        meaning = {key: value for key, value in result.settings.items() if key not in OF_THE_MODEL}
        for figure in result.figures:
            key = json.dumps([result.task, figure, result.data, meaning], sort_keys=True, default=str)
            group = groups.setdefault(key, Group(result.task, figure, condition(result), result.data, meaning))
            kept = group.scores.setdefault(labels.of(result.model), [])
            kept[:] = [other for other in kept if other.seed != result.seed] + [result]
    return list(groups.values())


def main_group(groups: Sequence[Group], speaker: str = "across") -> Group | None:
    """The ABX group that a report leads with: this speaker condition, with the most models."""
    fitting = [group for group in groups if group.task == "abx" and group.settings.get("speaker") == speaker]
    return max(fitting, key=lambda group: len(group.scores), default=None)


def best_model(group: Group) -> str | None:
    """The best of the models that are no baselines."""
    own = [label for label in group.scores if label not in GREYS]
    choose = max if group.figure in HIGHER_IS_BETTER else min
    return choose(own, key=group.mean, default=None)


def headline(groups: Sequence[Group]) -> str | None:
    """One sentence: the across-speaker ABX of the best model beside the baselines, None without one."""
    group = main_group(groups) or main_group(groups, "within")
    label = best_model(group) if group else None
    if group is None or label is None:
        return None
    error = group.mean(label)
    where = "across speakers" if group.settings.get("speaker") == "across" else "within speakers"
    said = f"In ABX {where}, {label} errs on {spell_figure('error', error)} of the triples"
    against = [
        f"{error / group.mean(name):.2f} times the {spell_figure('error', group.mean(name))} of {name}"
        for name in GREYS
        if name in group.scores and group.mean(name) > 0
    ]
    return f"{said}: {' and '.join(against)}." if against else f"{said}; chance is 50 %."


def scores_section(results: Sequence[Result], groups: Sequence[Group], labels: Labels) -> Html:
    """Bars for every group, then every score on file with its settings."""
    if not groups:
        return section("scores", "Scores", missing("No results.jsonl: nothing was scored yet (see sonant eval)."))
    tasks = list(dict.fromkeys((group.task, group.figure) for group in groups))
    blocks = []
    for task, figure in tasks:
        members = [group for group in groups if (group.task, group.figure) == (task, figure)]
        top = max(_high(group, label) for group in members for label in group.scores)
        blocks.append(tag("h3", _task_title(task, figure)))
        blocks.append(tag("div", *(_bars(group, labels, top, members) for group in members), class_="groups"))
    columns = ("task", "condition", "model", "figure", "data", "seed", "version", "time")
    rows = [[row[column] for column in columns] for row in results_table(results)]
    everything = folded(f"Every score on file ({len(rows)})", table(columns, rows))
    return section("scores", "Scores", *blocks, _settings(groups, labels), everything)


def _task_title(task: str, figure: str) -> str:
    hyphens = {"abx": "ABX", "same_different": "same-different", "turn_taking": "turn-taking"}
    words = hyphens.get(task, task.replace("_", " "))
    direction = "lower is better" if figure in LOWER_IS_BETTER or figure == "min_dcf" else ""
    direction = "higher is better" if figure in HIGHER_IS_BETTER else direction
    chance = f"chance {100 * CHANCE[task, figure]:g} %" if (task, figure) in CHANCE else ""
    notes = "; ".join(filter(None, (direction, chance)))
    return f"{words} {spell_name(figure)}{f' ({notes})' if notes else ''}"


def _high(group: Group, label: str) -> float:
    return max(abs(result.figures[group.figure]) for result in group.scores[label])


def _bars(group: Group, labels: Labels, top: float, members: Sequence[Group]) -> Html:
    ordered = sorted(
        group.scores, key=lambda label: (label in GREYS, list(GREYS).index(label) if label in GREYS else 0)
    )
    rows = [_bar_row(group, label, labels.colour(label), top) for label in ordered]
    versus = f"of {group.baseline}" if group.baseline else ""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("model", "", spell_name(group.figure), versus)))
    return tag(
        "table",
        tag("caption", _group_title(group, members)),
        tag("thead", head, class_="quiet"),
        tag("tbody", *rows),
        class_="bars",
    )


def _group_title(group: Group, members: Sequence[Group]) -> str:
    said = {"speaker", "context", "distance", "set", "variant"}
    varying = [
        f"{key} {short_name(str(value)) if isinstance(value, str) and value else value}"
        for key, value in group.settings.items()
        if key not in said and any(other.settings.get(key) != value for other in members)
    ]
    if any(other.data != group.data for other in members) and group.data:
        varying.append(short_name(group.data))
    return ", ".join(filter(None, (group.condition, *varying))) or short_name(group.data) or group.task


def _bar_row(group: Group, label: str, colour: int, top: float) -> Html:
    values = [result.figures[group.figure] for result in group.scores[label]]
    mean, width = group.mean(label), 1000
    across = [round(width * max(value, 0.0) / (top or 1.0)) for value in (*values, mean)]
    told = f"{label}: {spell_figure(group.figure, mean)}"
    marks = (
        [tag("path", d=f"M{min(max(x, 2), width - 2)} 3V21", class_="seed") for x in across[:-1]]
        if len(values) > 1
        else []
    )
    bar = tag(
        "svg",
        tag("rect", width=across[-1], height=24, class_=f"fill c{colour}"),
        *marks,
        viewBox=f"0 0 {width} 24",
        preserveAspectRatio="none",
        role="img",
        aria_label=told,
    )
    seeds = (
        f"{len(values)} seeds, {spell_figure(group.figure, min(values))} to {spell_figure(group.figure, max(values))}"
    )
    note = tag("small", seeds) if len(values) > 1 else ""
    base = group.mean(group.baseline) if group.baseline else 0.0
    versus = f"{mean / base:.2f}" if base and label != group.baseline else ""
    return tag(
        "tr",
        tag("th", label, note, scope="row"),
        tag("td", bar, class_="bar"),
        tag("td", spell_figure(group.figure, mean), class_="number"),
        tag("td", versus, class_="number"),
        class_="best" if label == group.best else None,
    )


def _settings(groups: Sequence[Group], labels: Labels) -> Html:
    blocks = []
    for group in {id(group.settings): group for group in groups}.values():
        facts = [
            (key, json.dumps(value, default=str) if isinstance(value, (dict, list)) else value)
            for key, value in group.settings.items()
        ]
        facts += [("data", group.data)] if group.data else []
        blocks.append(tag("h4", f"{group.task}: {group.condition or group.data}"))
        blocks.append(
            table(("setting", "value"), [(key, "none" if value is None else str(value)) for key, value in facts])
        )
        for label, results in group.scores.items():
            own = {
                key: value for key, value in results[-1].settings.items() if key in OF_THE_MODEL and key != "command"
            }
            command = results[-1].settings.get("command") or results[-1].extra.get("command")
            said = ", ".join(f"{key} {value}" for key, value in own.items())
            if said or command:
                blocks.append(tag("p", tag("b", label), ": ", said, class_="fine"))
            if command:
                blocks.append(
                    tag("pre", command if isinstance(command, str) else " ".join(map(str, command)), class_="wrap")
                )
    return folded("Settings and commands of the scores", join(blocks))
