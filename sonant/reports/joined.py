"""The joining table: a row for every experiment, its settings beside its costs and scores."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import Any

from ..core.errors import SonantError, nearest, require
from .experiments import Experiment, differing
from .results import Result
from .runs import is_number
from .scores import OF_THE_MODEL

NAME, COUNT, SD = "experiment", "n", " sd"
MODEL = ("context_frames", "context_ms", "width_ms", "look_ahead_ms", "parameters")  # what a model says of itself
COSTS = ("steps", "seconds", "cpu_seconds", "audio_hours", "valid_loss")
WHOLE = "whole"  # a context that is the whole utterance
IN_LABEL = {"probe", "speaker", "seed"}


@dataclass
class Joined:
    """Rows by column name; a cell that is not known is not there.

    Attributes:
        columns: names in the order of the table.
        settings, scores: those of them that are settings and scores.
        notes: what a reader must know, a line each.
        alike: settings that are the same in all experiments, which are no columns.
    """

    columns: list[str]
    rows: list[dict[str, Any]]
    settings: list[str] = field(default_factory=list)
    scores: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)

    def find(self, name: str) -> str:
        """The column meant by its name, its beginning (``abx.across``) or its end (``width``).

        Raises:
            SonantError: none or several are meant.
        """
        if name in self.columns:
            return name
        plain = [column for column in self.columns if not column.endswith(SD)]
        begins = [column for column in plain if column.startswith(f"{name}.")]
        for found in (begins, [column for column in plain if column.endswith(f".{name}")]):
            if len(found) == 1:
                return found[0]
            require(not found, f"'{name}' may be {' or '.join(found)}; say which")
        same = _meant(name, self.alike)
        require(not same, f"{' and '.join(same)} is the same in all experiments, and no column")
        raise SonantError(f"no column '{name}'.{nearest(name, self.columns)} Columns: {', '.join(self.columns)}")

    def only(self, names: Sequence[str]) -> Joined:
        """The table with these columns alone; a mean keeps its deviation."""
        wanted = [self.find(name) for name in names]
        columns = [column for name in wanted for column in (name, name + SD) if column in self.columns]
        return replace(self, columns=list(dict.fromkeys(columns)))

    def sorted(self, name: str, *, descending: bool = False) -> Joined:
        """The rows in the order of a column, those without a value last."""
        column = self.find(name)
        there = [row for row in self.rows if column in row]
        there.sort(key=lambda row: _order(row[column]), reverse=descending)
        return replace(self, rows=[*there, *(row for row in self.rows if column not in row)])

    def csv(self) -> str:
        """As comma-separated text, empty cells where nothing is known."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([row.get(column, "") for column in self.columns] for row in self.rows)
        return out.getvalue()

    def plain(self) -> dict[str, Any]:
        """For JSON: columns, rows (null where nothing is known) and notes."""
        rows = [{column: row.get(column) for column in self.columns} for row in self.rows]
        return {"columns": self.columns, "rows": rows, "notes": self.notes}


def join(experiments: Sequence[Experiment], models: Mapping[str, Mapping[str, Any]]) -> Joined:
    """The table of some experiments.

    Args:
        models: what the model of an experiment says of itself (``MODEL``), by the experiment's name.
    """
    settings = differing(experiments)
    scored, notes = _scores(experiments)
    rows = []
    for experiment, scores in zip(experiments, scored, strict=True):
        own = {key: _cell(experiment.settings[key]) for key in settings if key in experiment.settings}
        known = models.get(experiment.name, {})
        rows.append({NAME: experiment.name, **own, **known, **experiment.costs, **scores})
    names = list(dict.fromkeys(name for scores in scored for name in scores))
    used = {column for row in rows for column in row}
    columns = [column for column in (NAME, *settings, *MODEL, *COSTS, *names) if column in used]
    alike = dict.fromkeys(key for one in experiments for key in one.settings if key not in settings)
    notes = [*(note for one in experiments for note in one.notes), *notes]
    return Joined(columns, rows, settings, names, notes, list(alike))


def over(joined: Joined, name: str) -> Joined:
    """One row for all experiments that differ in one setting alone: means, deviations (n - 1) and their number.

    Raises:
        SonantError: there is no such setting.
    """
    key = None if not _meant(name, joined.settings) and _meant(name, joined.alike) else joined.find(name)
    require(key is None or key in joined.settings, f"--over takes a setting, not {key}; {_few(joined.settings)} differ")
    others = [setting for setting in joined.settings if setting != key]
    groups: dict[tuple, list[dict]] = {}
    for row in joined.rows:
        groups.setdefault(tuple(row.get(setting) for setting in others), []).append(row)
    measured = [column for column in joined.columns if column in (*COSTS, *joined.scores)]
    rows, notes = [], list(joined.notes)
    for members in groups.values():
        row = {NAME: _common_name([member[NAME] for member in members]), COUNT: len(members)}
        row |= {column: members[0][column] for column in (*others, *MODEL) if column in members[0]}
        for column in measured:
            values = [member[column] for member in members if column in member]
            row |= {column: fmean(values)} if values else {}
            row |= {column + SD: stdev(values)} if len(values) > 1 else {}
            if 0 < len(values) < len(members):
                notes.append(f"{row[NAME]}: {column} is of {len(values)} of {len(members)} experiments")
        rows.append(row)
    used = {column for row in rows for column in row}
    wanted = [NAME, COUNT, *(c for c in joined.columns if c not in (NAME, key))]
    columns = [column for one in wanted for column in (one, one + SD) if column in used]
    return Joined(columns, rows, others, joined.scores, notes, joined.alike)


def _meant(name: str, settings: Sequence[str]) -> list[str]:
    """The settings that a whole name or its end means."""
    return [setting for setting in settings if setting == name or setting.endswith(f".{name}")]


def _scores(experiments: Sequence[Experiment]) -> tuple[list[dict[str, float]], list[str]]:
    """For each experiment its figures by column; and notes about columns whose rows were not scored alike."""
    apart = _telling_apart(experiments)
    rows: list[dict[str, float]] = []
    conditions: dict[str, list[Mapping]] = {}
    for experiment in experiments:
        found: dict[str, dict[int | None, float]] = {}
        for result in experiment.results:
            label = _label(result)
            facts = _facts(result)
            words = [label, *(_word(facts.get(key)) for key in apart.get(label, ()))]
            for figure, value in result.figures.items():
                column = ".".join([*words, figure])
                found.setdefault(column, {})[result.seed] = value  # of equal seeds the later line counts
                conditions.setdefault(column, []).append(facts)
        rows.append({column: fmean(by_seed.values()) for column, by_seed in found.items()})
    return rows, _unlike(conditions)


def _unlike(conditions: Mapping[str, Sequence[Mapping]]) -> list[str]:
    told: dict[str, list[str]] = {}
    for column, several in conditions.items():
        keys = dict.fromkeys(key for facts in several for key in facts)
        for key in keys:
            values = dict.fromkeys(_word(facts.get(key)) for facts in several)
            if len(values) > 1 and key not in OF_THE_MODEL:
                told.setdefault(f"{key} is {' or '.join(values)}", []).append(column)
    return [f"not scored alike everywhere: {what} in {', '.join(columns)}" for what, columns in told.items()]


def _telling_apart(experiments: Iterable[Experiment]) -> dict[str, list[str]]:
    """For each label the facts by which several results of one experiment differ, as few as are needed."""
    needed: dict[str, list[str]] = {}
    for experiment in experiments:
        groups: dict[str, list[dict]] = {}
        for result in experiment.results:
            groups.setdefault(_label(result), []).append(_facts(result))
        for label, several in groups.items():
            chosen = needed.setdefault(label, [])
            for key in dict.fromkeys(key for facts in several for key in facts):
                if _classes(several, [*chosen, key]) > _classes(several, chosen):
                    chosen.append(key)
    return needed


def _classes(several: Sequence[Mapping], keys: Sequence[str]) -> int:
    return len({tuple(_word(facts.get(key)) for key in keys) for facts in several})


def _label(result: Result) -> str:
    """``abx.across``, ``probe.phone``, ``asr``."""
    names = [result.settings.get(key) for key in ("probe", "speaker")]
    return ".".join([result.task, *(str(name) for name in names if name)])


def _facts(result: Result) -> dict[str, Any]:
    """What a score is of, apart from its label: data first, then the settings."""
    return {"data": result.data} | {key: value for key, value in result.settings.items() if key not in IN_LABEL}


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)


def _cell(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, (list, dict)) else value


def _order(value: Any) -> tuple:
    """Numbers first, the whole utterance after them, then text, numbers inside by their size."""
    if is_number(value):
        return 0, float(value), ""
    if value == WHOLE:
        return 0, math.inf, ""
    parts = re.split(r"(\d+)", str(value))
    return 1, 0.0, tuple(part.zfill(12) if part.isdigit() else part for part in parts)


def _common_name(names: Sequence[str]) -> str:
    """The model's folder for its versions; else the first name and how many more there are."""
    above = {name.rpartition("/")[0] for name in names}
    if len(names) == 1:
        return names[0]
    if len(above) == 1 and above != {""} and all("/version_" in name for name in names):
        return f"{above.pop()}/{'+'.join(name.rpartition('version_')[2] for name in names)}"
    return f"{names[0]} and {len(names) - 1} more"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
