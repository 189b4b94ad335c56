"""How training went: loss, learning rate, throughput, gradient norm, ABX on the way, and every other scalar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .charts import Line, legend, line_chart
from .charts import spark as sparkline
from .markup import Html, folded, join, missing, section, table, tag
from .runs import Run
from .scores import Labels
from .workers import workers_figure

ROWS = 12  # of the table under a chart
USUAL = {"loss", "lr", "grad_norm", "audio_seconds_per_second"}


def curves_section(runs: Sequence[Run], labels: Labels) -> Html:
    """Charts of all runs on common axes, each with its figures as a table."""
    if not any(run.metrics for run in runs):
        return section("training", "Training", missing("No metrics.jsonl: there are no curves to draw."))
    figures = [
        _loss(runs, labels),
        *(figure for run in runs if (figure := workers_figure(run, last=_last(runs))) is not None),
        *_while_training(runs, labels),
        _simple(runs, labels, "lr", "Learning rate", "learning rate", from_zero=True),
        _simple(runs, labels, "audio_seconds_per_second", "Throughput", "× real time", from_zero=True, band=True),
        _simple(runs, labels, "grad_norm", "Gradient norm", "norm before clipping", from_zero=True, band=True),
    ]
    shown = tag("div", *figures, class_="figures")
    names = [(run.name, labels.colour(run.name), "solid") for run in runs if run.metrics]
    return section("training", "Training", legend(names) if len(names) > 1 else "", shown, _other_scalars(runs, labels))


def _loss(runs: Sequence[Run], labels: Labels) -> Html:
    lines = []
    for run in runs:
        colour = labels.colour(run.name)
        for kind, told in (("train", "training"), ("valid", "validation")):
            x, y = run.series(kind, "loss")
            if len(x):
                lines.append(
                    Line(f"{run.name}, {told}", x, y, colour, kind == "valid", kind == "valid", kind == "train")
                )
    if not lines:
        return missing("No loss was logged.")
    chances = {round(run.chance, 6) for run in runs if run.chance is not None}
    level = (f"knowing nothing: {next(iter(chances)):.3g}", next(iter(chances))) if len(chances) == 1 else None
    kinds = legend(
        [("training", labels.colour(runs[0].name), "solid"), ("validation", labels.colour(runs[0].name), "dashed")]
    )
    lowest = []
    for run in runs:
        x, y = run.series("valid", "loss")
        if len(y):
            best = int(np.argmin(y))
            lowest.append(
                f"{run.name + ': ' if len(runs) > 1 else ''}lowest validation loss {y[best]:.4g} at step {x[best]:,.0f}"
            )
    caption = "; ".join(lowest) or "no validation loss was logged"
    note = tag(
        "p",
        f"{caption[0].upper() + caption[1:] if len(runs) == 1 else caption}. Shaded: from lowest to highest.",
        class_="fine",
    )
    return _figure(
        "Loss",
        line_chart(lines, title="Loss over steps", y_label="loss", level=level, last=_last(runs)),
        lines,
        kinds,
        note,
    )


def _while_training(runs: Sequence[Run], labels: Labels) -> list[Html]:
    figures = []
    for key in dict.fromkeys(key for run in runs for key in run.scalars("eval")):
        error = "abx" in key.lower()
        lines = []
        for run in runs:
            x, y = run.series("eval", key)
            if len(x):
                lines.append(Line(run.name, x, 100 * y if error else y, labels.colour(run.name), dots=True))
        words = key.replace("_", " ").replace("abx", "ABX")
        title = f"{words} while training"
        chart = line_chart(lines, title=title, y_label="error in %" if error else words, last=_last(runs))
        figures.append(_figure(title[0].upper() + title[1:], chart, lines))
    return figures[:4]


def _simple(
    runs: Sequence[Run],
    labels: Labels,
    key: str,
    title: str,
    y_label: str,
    *,
    from_zero: bool = False,
    band: bool = False,
) -> Html:
    lines = []
    for run in runs:
        x, y = run.series("train", key)
        if len(x):
            lines.append(Line(run.name, x, y, labels.colour(run.name), band=band))
    if not lines:
        return join([])
    chart = line_chart(lines, title=f"{title} over steps", y_label=y_label, from_zero=from_zero, last=_last(runs))
    return _figure(title, chart, lines)


def _last(runs: Sequence[Run]) -> float:
    return float(max((run.steps or 0 for run in runs), default=0))


def _figure(title: str, chart: Html, lines: Sequence[Line], *notes: Html) -> Html:
    rows = [
        (line.name, f"{line.x_N[index]:,.0f}", f"{line.y_N[index]:.4g}")
        for line in lines
        for index in np.unique(np.linspace(0, len(line.x_N) - 1, min(ROWS, len(line.x_N))).round().astype(int))
    ]
    data = folded("As a table", table(("line", "step", "value"), rows))
    return tag("figure", tag("figcaption", title), chart, *notes, data)


def _other_scalars(runs: Sequence[Run], labels: Labels) -> Html:
    rows = []
    for run in runs:
        for kind in ("train", "valid"):
            for key in run.scalars(kind):
                if key in USUAL:
                    continue
                x, y = run.series(kind, key)
                if len(y) == 0:
                    continue
                drawn = sparkline(y, colour=labels.colour(run.name), label=f"{key} of {run.name} over steps")
                who = [run.name] if len(runs) > 1 else []
                rows.append(
                    (*who, "validation" if kind == "valid" else "training", key, f"{y[0]:.4g}", drawn, f"{y[-1]:.4g}")
                )
    if not rows:
        return join([])
    who = ["run"] if len(runs) > 1 else []
    return folded(
        f"Everything else that was logged ({len(rows)})", table((*who, "on", "scalar", "first", "", "last"), rows)
    )
