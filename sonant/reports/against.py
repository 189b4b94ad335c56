"""A score against a setting, one line for each family of models: an SVG that stands alone.

Letters: N points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

import numpy as np

from ..core.errors import require
from .charts import HEIGHT, WIDTH, Line, compact, line_chart
from .joined import WHOLE, Joined
from .markup import Html, tag
from .results import SHARES, spell_name
from .runs import is_number

COLOURS = ("#2b5fc4", "#d0571c", "#178a72", "#8b45b5", "#b98900", "#c63a78", "#2b8fb8", "#6b7a1e")
STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif }
text { font-size: 13.5px; fill: #5d6068 } .title { font-size: 15px; font-weight: 600; fill: #1c1e22 }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #ebe8e1; fill: none } .axis { stroke: #8a8d94; fill: none }
.line { stroke-width: 2; fill: none; stroke-linejoin: round; stroke-linecap: round }
.dot { stroke: #fff; stroke-width: 1 } .loose { opacity: .45 }
"""
AXES = {
    "context_ms": "context (ms)",
    "context_frames": "context (frames)",
    "width_ms": "width of the context network (ms)",
    "valid_loss": "validation loss",
}
HEAD, ROW = 34, 20  # heights of the title and of a row of the legend
FAMILY = "context.name"


def against(joined: Joined, *, x: str, y: str, by: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Draw a column against another.

    Experiments of one family with the same x are one point of its line, their mean, with a bar of a standard
    deviation each way and a pale point for each. The x axis is logarithmic (base 2) where all of it is above 0. The
    whole utterance stands at its right end.

    Args:
        joined: a table with a row for each experiment.
        x, y: columns, as ``Joined.find`` takes them.
        by: settings that make families; by default the kind of context, where there are several.

    Returns:
        The SVG, and notes about experiments that lack a value or differ in more than a seed.

    Raises:
        SonantError: an unknown column, one without numbers, or no experiment with both values.
    """
    x, y = joined.find(x), joined.find(y)
    keys = [joined.find(name) for name in by] or [name for name in (FAMILY,) if name in joined.settings]
    rows = [row for row in joined.rows if _place(row.get(x)) is not None and is_number(row.get(y))]
    require(rows, f"nothing to draw: no experiment has a number for both {x} and {y}")
    lacking = [row["experiment"] for row in joined.rows if row not in rows]
    notes = [f"not drawn, for want of {x} or {y}: {', '.join(lacking)}"] if lacking else []
    families: dict[str, dict[float, list[dict]]] = {}
    for row in rows:
        name = ", ".join(str(row.get(key, "")) for key in keys) or _spell(y)
        families.setdefault(name, {}).setdefault(_place(row[x]), []).append(row)
    notes += _mixed(joined, families, x, keys)
    share = y.rpartition(".")[2] in SHARES
    lines = _lines(families, y, scale=100.0 if share else 1.0)
    marks = _marks(lines)
    title = f"{_spell(y)} against {_spell(x)}"
    label = f"{_spell(y)} (%)" if share else _spell(y)
    chart = line_chart(marks[0], title=title, x_label=_spell(x), y_label=label, log2=marks[1])
    return _whole(title, chart, list(families)), notes


def _lines(families: Mapping[str, Mapping[float, Sequence[dict]]], y: str, *, scale: float) -> list[Line]:
    """The loose points and the mean of every family, x rising."""
    lines = []
    for number, (name, places) in enumerate(families.items()):
        colour = number % len(COLOURS)
        values = {place: [scale * row[y] for row in places[place]] for place in sorted(places)}
        several = [(place, value) for place, found in values.items() if len(found) > 1 for value in found]
        if several:
            points = np.array(several, dtype=float)
            lines.append(Line(name, points[:, 0], points[:, 1], colour, loose=True))
        means = np.array([fmean(found) for found in values.values()])
        spread = np.array([stdev(found) if len(found) > 1 else math.nan for found in values.values()])
        lines.append(Line(name, np.array(list(values)), means, colour, dots=True, spread_N=spread))
    return lines


def _marks(lines: Sequence[Line]) -> tuple[list[Line], dict[float, str] | None]:
    """The lines with the whole utterance an octave behind the widest context, and the marks of a logarithmic axis."""
    places = sorted({float(place) for line in lines for place in line.x_N})
    finite = [place for place in places if math.isfinite(place)]
    end = 2 * max(finite, default=0.5)
    marks = {place: compact(place) for place in finite} | ({end: WHOLE} if len(finite) < len(places) else {})
    moved = [Line(line.name, np.where(np.isfinite(line.x_N), line.x_N, end), *_rest(line)) for line in lines]
    return moved, marks if min(marks) > 0 else None


def _rest(line: Line) -> tuple:
    return line.y_N, line.colour, line.dashed, line.dots, line.band, line.spread_N, line.loose


def _place(value) -> float | None:
    if value == WHOLE:
        return math.inf
    return float(value) if is_number(value) else None


def _mixed(joined: Joined, families: Mapping, x: str, keys: Sequence[str]) -> list[str]:
    """Settings other than a seed in which experiments of one point differ."""
    found: dict[str, None] = {}
    for places in families.values():
        for rows in places.values():
            for key in joined.settings:
                values = {str(row.get(key)) for row in rows}
                if len(values) > 1 and key not in (x, *keys) and not key.endswith(".seed"):
                    found[key] = None
    return [f"points are means over {', '.join(found)} too; tell them apart with --by"] if found else []


def _spell(column: str) -> str:
    """``abx.across.error`` -> ``ABX across error``, ``probe.phone-ctc.per`` -> ``phone-ctc PER``."""
    if column in AXES:
        return AXES[column]
    words = column.removeprefix("probe.").split(".")
    words[-1] = spell_name(words[-1])
    return " ".join("ABX" if word == "abx" else word for word in words)


def _whole(title: str, chart: Html, families: Sequence[str]) -> str:
    """The chart with its title and legend, in colours of its own."""
    shown = families if len(families) > 1 else []
    height = HEAD + HEIGHT + ROW * len(shown) + 12
    colours = "".join(f".line.c{i} {{ stroke: {c} }} .dot.c{i} {{ fill: {c} }}\n" for i, c in enumerate(COLOURS))
    parts = [
        tag("style", Html(STYLE + colours)),
        tag("rect", width=WIDTH, height=height, fill="#fff"),
        tag("text", title, x=14, y=22, class_="title"),
        tag("svg", chart, x=0, y=HEAD, width=WIDTH, height=HEIGHT),
    ]
    for number, name in enumerate(shown):
        level = HEAD + HEIGHT + ROW * number + 12
        mark = f"c{number % len(COLOURS)}"
        parts.append(tag("path", d=f"M74 {level - 4}h22", class_=f"line {mark}"))
        parts.append(tag("circle", cx=85, cy=level - 4, r=3, class_=f"dot {mark}"))
        parts.append(tag("text", name, x=104, y=level))
    box = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    return f"{tag('svg', *parts, xmlns='http://www.w3.org/2000/svg', **box)}\n"
