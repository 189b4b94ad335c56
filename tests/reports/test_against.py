from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from sonant.core import SonantError
from sonant.reports.against import against
from sonant.reports.joined import Joined

COLUMNS = ["experiment", "context.name", "train.seed", "context_ms", "abx.across.error", "valid_loss"]


def table(rows, columns=COLUMNS) -> Joined:
    named = [{"experiment": str(n), **row} for n, row in enumerate(rows)]
    return Joined(list(columns), named, settings=["context.name", "train.seed"], scores=["abx.across.error"])


def row(name: str, ms, error, seed: int = 0) -> dict:
    found = {"context.name": name, "train.seed": seed, "context_ms": ms, "abx.across.error": error}
    return {key: value for key, value in found.items() if value is not None}


def dots(svg: str, colour: int, kind: str = "dot") -> list[tuple[float, float]]:
    found = re.findall(rf'<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+" class="{kind} c{colour}">', svg)
    return [(float(x), float(y)) for x, y in found]


def test_a_doubling_is_as_wide_everywhere_and_more_is_higher():
    rows = [row("csa", ms, error) for ms, error in ((20, 0.2), (80, 0.4), (40, 0.1))]
    svg, notes = against(table(rows), x="context_ms", y="abx.across")
    assert notes == [] and ET.fromstring(svg).tag.endswith("svg")
    (a, ya), (b, yb), (c, yc) = dots(svg, 0)
    assert b - a == pytest.approx(c - b, abs=0.2) and a < b
    assert yc < ya < yb
    assert all(f">{text}<" in svg for text in ("20", "40", "80", "context (ms)", "ABX across error (%)"))


def test_seeds_are_points_around_their_mean_with_a_bar():
    rows = [row("csa", 20, error, seed) for seed, error in enumerate((0.1, 0.2, 0.3))] + [row("csa", 40, 0.2)]
    svg, _ = against(table(rows), x="context_ms", y="abx")
    loose = dots(svg, 0, "dot loose")
    mean = dots(svg, 0)[0]
    assert len(loose) == 3 and mean[1] == pytest.approx(loose[1][1], abs=0.1)
    ((low, high),) = re.findall(r'd="M[\d.]+ ([\d.]+)V([\d.]+)M', svg)
    assert float(low) == pytest.approx(loose[0][1], abs=0.2) and float(high) == pytest.approx(loose[2][1], abs=0.2)


def test_families_have_lines_and_a_legend_and_the_whole_utterance_stands_at_the_right():
    rows = [row("csa", 20, 0.2), row("csa", 40, 0.3), row("gru", "whole", 0.25)]
    svg, _ = against(table(rows), x="context_ms", y="abx")
    assert ">csa</text>" in svg and ">gru</text>" in svg and ">whole</text>" in svg
    assert dots(svg, 1)[0][0] > dots(svg, 0)[1][0]
    alone, _ = against(table(rows[:2]), x="context_ms", y="abx", by=["seed"])
    assert ">0</text>" not in alone


def test_what_is_not_drawn_and_what_is_mixed_is_told():
    rows = [row("csa", 20, 0.2), row("gru", 20, 0.3), row("csa", None, 0.1), row("csa", 40, None)]
    _, notes = against(table(rows), x="context_ms", y="abx", by=["seed"])
    assert notes == [
        "not drawn, for want of context_ms or abx.across.error: 2, 3",
        "points are means over context.name too; tell them apart with --by",
    ]


def test_an_axis_with_zero_is_linear():
    svg, _ = against(table([row("csa", ms, 0.1 + ms / 100) for ms in (0, 10, 40)]), x="context_ms", y="abx")
    (a, _), (b, _), (c, _) = dots(svg, 0)
    assert (c - a) == pytest.approx(4 * (b - a), abs=0.5)


def test_nothing_to_draw_is_told():
    with pytest.raises(SonantError, match="no experiment has a number for both"):
        against(table([row("csa", 20, None)]), x="context_ms", y="abx")
    with pytest.raises(SonantError, match="no column 'width'"):
        against(table([row("csa", 20, 0.1)]), x="width", y="abx")


def test_names_from_files_stay_text():
    svg, _ = against(table([row("<b>", 20, 0.1), row("a&b", 40, 0.2)]), x="context_ms", y="abx")
    assert "<b>" not in svg and ET.fromstring(svg) is not None
