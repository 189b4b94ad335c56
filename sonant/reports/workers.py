"""How much of its first loss each worker of a run still has."""

from __future__ import annotations

import numpy as np

from .charts import Line, legend, line_chart
from .markup import Html, folded, table, tag
from .runs import Run

HUES = 8  # colours of the style sheet; further lines are dashed


def workers_figure(run: Run, *, last: float) -> Html | None:
    """One chart of all workers' training losses, each divided by the first that was logged; None without workers.

    Args:
        last: a step that the x axis must reach.
    """
    names = [name for name, settings in (run.config.get("workers") or {}).items() if settings is not None]
    series = {name: run.series("train", name) for name in names}
    found = {name: (x, y) for name, (x, y) in series.items() if len(y) > 1 and y[0] != 0}
    if not found:
        return None
    lines = [
        Line(name, x, y / y[0], number % HUES, dashed=number >= HUES)
        for number, (name, (x, y)) in enumerate(found.items())
    ]
    title = f"Losses of the workers, {run.name}"
    key = legend([(line.name, line.colour, "dashed" if line.dashed else "solid") for line in lines])
    rows = [(name, f"{y[0]:.4g}", f"{y[-1]:.4g}", f"{y[-1] / y[0]:.2f}") for name, (_, y) in found.items()]
    chart = line_chart(lines, title=title, y_label="part of the first", from_zero=True, last=last, level=("", 1.0))
    lowest = min(lines, key=lambda line: float(np.mean(line.y_N[-3:])))
    note = tag("p", f"Each divided by its first value. Fell most: {lowest.name}.", class_="fine")
    data = folded("As a table", table(("worker", "first", "last", "part"), rows))
    return tag("figure", tag("figcaption", title), chart, key, note, data)
