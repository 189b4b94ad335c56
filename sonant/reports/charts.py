"""Line charts as SVG, drawn here: axes, grid, bands, legend by class, in colours of the style sheet.

Letters: N points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .markup import Html, esc, join, tag

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 74, 14, 14, 44
POINTS = 240  # more are averaged in buckets: a screen shows no more


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: for the legend and the tooltip.
        x_N, y_N: points, x rising.
        colour: number of the colour in the style sheet.
        dashed, dots: how it is drawn.
        band: whether to shade lowest to highest of the points that a bucket averages.
        spread_N: half the height of the bar at each point, such as a standard deviation; NaN: none.
        loose: points alone, pale and without a line.
    """

    name: str
    x_N: np.ndarray
    y_N: np.ndarray
    colour: int = 0
    dashed: bool = False
    dots: bool = False
    band: bool = False
    spread_N: np.ndarray | None = None
    loose: bool = False


@dataclass(frozen=True)
class Axes:
    """Limits of the values and where they lie on the drawing; ``log2``: each doubling of x is as wide."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log2: bool = False

    def x(self, value: float) -> float:
        low, high = self.x_low, self.x_high
        if self.log2:
            value, low, high = math.log2(value), math.log2(low), math.log2(high)
        return LEFT + (value - low) / ((high - low) or 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y_low) / ((self.y_high - self.y_low) or 1.0) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    y_label: str,
    x_label: str = "step",
    level: tuple[str, float] | None = None,
    from_zero: bool = False,
    last: float = 0.0,
    spell: Callable[[float], str] | None = None,
    log2: Mapping[float, str] | None = None,
) -> Html:
    """An SVG of lines over steps, or over something else.

    Args:
        lines: what to draw, at least one point in all.
        title: the text alternative of the drawing.
        level: name and height of a horizontal line.
        from_zero: whether the y axis must show 0.
        last: a step that the x axis must reach, so that charts of a run share it.
        spell: how to write a value of the y axis.
        log2: makes the x axis logarithmic: the values to mark on it, all above 0, and what to write there.
    """
    thinned = [thin(line) for line in lines]
    axes, clipped = _axes(lines, thinned, level=level, from_zero=from_zero, last=last)
    if log2:
        axes = replace(axes, x_low=min(log2) / 2**0.25, x_high=max(log2) * 2**0.25, log2=True)
    parts = [_grid(axes, x_label=x_label, y_label=y_label, spell=spell or compact, marks=log2)]
    parts += [
        _band(axes, *low_high, line.colour) for line, (*_, low_high) in zip(lines, thinned, strict=True) if line.band
    ]
    if level is not None:
        height = round(axes.y(level[1]), 1)
        parts.append(tag("path", d=f"M{LEFT} {height}H{WIDTH - RIGHT}", class_="level"))
        parts.append(tag("text", level[0], x=WIDTH - RIGHT - 4, y=height - 5, class_="note end"))
    parts += [_stroke(axes, line, x, y, x_label) for line, (x, y, _) in zip(lines, thinned, strict=True)]
    if clipped:
        parts.append(
            tag("text", "▲ some values lie beyond the axis", x=WIDTH - RIGHT - 4, y=TOP + 12, class_="note end")
        )
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title, class_="chart")


def thin(line: Line) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(x, y, (x, lowest, highest)) of at most ``POINTS`` points: means over equal numbers of neighbours."""
    buckets = max(min(POINTS, len(line.x_N)), 1)
    cuts = np.linspace(0, len(line.x_N), buckets + 1).astype(int)
    spans = [slice(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if b > a]

    def each(reduce, values):
        return np.array([reduce(values[span]) for span in spans])

    x = each(np.mean, line.x_N)
    if len(x):
        x[0], x[-1] = line.x_N[0], line.x_N[-1]
    return x, each(np.mean, line.y_N), (x, each(np.min, line.y_N), each(np.max, line.y_N))


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers between two limits: multiples of 1, 2, 2.5 or 5 times a power of ten."""
    span = high - low
    if not span > 0:
        return [low]
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 0.01) + 1)]


def compact(value: float) -> str:
    """A number as short as an axis wants it: 1.5k, 0.002, 1e-5."""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    if size >= 1e4:
        return f"{value / 1e3:g}k"
    if size == 0 or size >= 1e-3:
        return f"{value:g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def spark(y_N: np.ndarray, *, colour: int, label: str) -> Html:
    """A line without axes, as high as a word."""
    line = Line(label, np.arange(len(y_N), dtype=float), y_N, colour)
    x, y, _ = thin(line)
    if len(y) < 2:
        return esc("")
    across = x / (x[-1] or 1) * 116 + 2
    down = 22 - (y - y.min()) / ((y.max() - y.min()) or 1.0) * 20
    return tag(
        "svg",
        _path(across, down, f"line c{colour}"),
        viewBox="0 0 120 24",
        class_="spark",
        role="img",
        aria_label=label,
    )


def legend(entries: Sequence[tuple[str, int, str]]) -> Html:
    """What the colours mean: (name, colour, kind), kind being ``solid``, ``dashed`` or ``box``."""
    items = [tag("li", tag("i", class_=f"key {kind} c{colour}"), name) for name, colour, kind in entries]
    return tag("ul", *items, class_="legend")


def _axes(
    lines: Sequence[Line], thinned: Sequence, *, level: tuple[str, float] | None, from_zero: bool, last: float
) -> tuple[Axes, bool]:
    x_all = np.concatenate([x for x, _, _ in thinned])
    drawn = [band[1:] if line.band else (y,) for line, (_, y, band) in zip(lines, thinned, strict=True)]
    bars = [line.y_N + sign * np.nan_to_num(line.spread_N) for line in lines for sign in (-1, 1) if _has_bars(line)]
    y_all = np.concatenate([*(values for several in drawn for values in several), *bars])
    low, high = float(y_all.min()), float(y_all.max())
    usual = float(np.quantile(y_all, 0.985))
    clipped = len(y_all) > 50 and high - low > 3 * (usual - low) > 0
    if clipped:
        high = low + 1.3 * (usual - low)
    if level is not None:
        low, high = min(low, level[1]), max(high, level[1])
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    low_padded = low if from_zero and low == 0 else low - pad
    return Axes(min(float(x_all.min()), 0.0), max(float(x_all.max()), last), low_padded, high + pad), clipped


def _has_bars(line: Line) -> bool:
    return line.spread_N is not None and len(line.x_N) <= POINTS  # of points that are averaged there are none


def _grid(
    axes: Axes,
    *,
    x_label: str,
    y_label: str,
    spell: Callable[[float], str],
    marks: Mapping[float, str] | None = None,
) -> Html:
    bottom, parts = HEIGHT - BOTTOM, []
    for value in ticks(axes.y_low, axes.y_high):
        height = round(axes.y(value), 1)
        parts.append(tag("path", d=f"M{LEFT} {height}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(tag("text", spell(value), x=LEFT - 8, y=height + 4.5, class_="tick end"))
    marks = marks or {value: compact(value) for value in ticks(axes.x_low, axes.x_high)}
    for value, text in marks.items():
        parts.append(tag("text", text, x=round(axes.x(value), 1), y=bottom + 19, class_="tick middle"))
    parts.append(tag("path", d=f"M{LEFT} {bottom}H{WIDTH - RIGHT}", class_="axis"))
    parts.append(tag("text", x_label, x=WIDTH - RIGHT, y=HEIGHT - 6, class_="label end"))
    middle = (TOP + bottom) / 2
    parts.append(tag("text", y_label, x=14, y=middle, transform=f"rotate(-90 14 {middle})", class_="label middle"))
    return tag("g", *parts)


def _band(axes: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: int) -> Html:
    top = np.clip([axes.y(value) for value in high], TOP, HEIGHT - BOTTOM)
    bottom = np.clip([axes.y(value) for value in low], TOP, HEIGHT - BOTTOM)
    across = np.array([axes.x(value) for value in x])
    there, back = _points(across, top), _points(across[::-1], bottom[::-1])
    return tag("path", d=f"M{there}L{back}Z", class_=f"band c{colour}")


def _stroke(axes: Axes, line: Line, x: np.ndarray, y: np.ndarray, x_label: str) -> Html:
    across = np.array([axes.x(value) for value in x])
    down = np.clip([axes.y(value) for value in y], TOP - 2, HEIGHT - BOTTOM)
    parts = [] if line.loose else [_path(across, down, f"line c{line.colour}{' dashed' if line.dashed else ''}")]
    if line.spread_N is not None and _has_bars(line):
        parts += [_bar(axes, px, *both, line.colour) for px, *both in zip(across, y, line.spread_N, strict=True)]
    if line.dots or line.loose or len(x) == 1:
        kind, size = ("dot loose", 2.5) if line.loose else ("dot", 3)
        for px, py, step, value in zip(across, down, x, y, strict=True):
            told = tag("title", f"{line.name}: {value:.4g} at {x_label} {step:g}")
            where = {"cx": round(px, 1), "cy": round(py, 1), "r": size}
            parts.append(tag("circle", told, **where, class_=f"{kind} c{line.colour}"))
    return tag("g", tag("title", line.name), *parts)


def _bar(axes: Axes, px: float, value: float, spread: float, colour: int) -> Html:
    """From ``spread`` below to ``spread`` above a value, with feet."""
    if not math.isfinite(spread):
        return join([])
    low, high = (round(axes.y(value + sign * spread), 1) for sign in (-1, 1))
    left, right = round(px - 4, 1), round(px + 4, 1)
    return tag("path", d=f"M{px:.1f} {low}V{high}M{left} {low}H{right}M{left} {high}H{right}", class_=f"line c{colour}")


def _path(x: np.ndarray, y: np.ndarray, class_: str) -> Html:
    return tag("path", d=f"M{_points(x, y)}", class_=class_) if len(x) else join([])


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
