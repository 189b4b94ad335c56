from __future__ import annotations

from pathlib import Path

from sonant.reports.runs import Run
from sonant.reports.workers import workers_figure


def a_run(**losses):
    """A run whose configuration names two workers and which logged these losses at steps 10, 20, 30."""
    metrics = [
        {"kind": "train", "step": 10 * (i + 1), **{name: values[i] for name, values in losses.items()}}
        for i in range(3)
    ]
    config = {"workers": {"lps": {"weight": 1.0}, "lim": {}, "gim": None}}
    return Run("two", Path("two"), config=config, metrics=metrics)


def test_each_line_starts_at_one_and_the_table_tells_what_is_left():
    drawn = str(workers_figure(a_run(lps=[8.0, 6.0, 2.0], lim=[1.0, 0.9, 0.8], gim=[1.0, 1.0, 1.0]), last=30.0))
    assert "Fell most: lps" in drawn and "0.25" in drawn and "0.80" in drawn
    assert "gim" not in drawn  # taken out of the configuration


def test_without_workers_there_is_no_chart():
    assert workers_figure(Run("one", Path("one"), config={"method": {}}), last=1.0) is None
    assert workers_figure(a_run(loss=[1.0, 1.0, 1.0]), last=30.0) is None
