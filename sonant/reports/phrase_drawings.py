"""Drawings of the phrase test: averages by region, the mean course around a point, and one phrase on its time axis.

Letters: T frames, L samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .charts import compact, ticks
from .markup import Html, join, tag

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 250, 52, 12, 12, 40
PLACES = {"short@SCP": 1, "long@SCP": 0, "long@EOT": 2}  # colours of the style sheet
PHRASE_HEIGHT, WAVE, WORDS = 226, 44, 34
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Curve:
    """A mean course with its standard deviation: (T, 2), NaN where there is none."""

    name: str
    colour: int
    course_T2: np.ndarray


@dataclass(frozen=True)
class PhraseCurves:
    """One phrase.

    Attributes:
        words: (label, onset, offset) in seconds.
        points: times of named points (SCP, EOT) in seconds.
        curves: (T,) by name, at ``rate`` frames per second.
    """

    name: str
    words: Sequence[tuple[str, float, float]]
    points: Mapping[str, float]
    wave_L: np.ndarray
    sample_rate: int
    curves: Mapping[str, np.ndarray]
    rate: float


def region_bars(means: Mapping[str, Mapping[str, tuple[float, float]]], *, title: str) -> Html:
    """Bars with their deviation: regions side by side, in each a bar for each place.

    Args:
        means: (mean, standard deviation) in [0, 1] by place and region.
    """
    regions = list(dict.fromkeys(region for place in means.values() for region in place))
    parts = [_levels(), _axis()]
    step = (WIDTH - LEFT - RIGHT) / max(len(regions), 1)
    wide = step * 0.72 / max(len(means), 1)
    for number, region in enumerate(regions):
        middle = LEFT + step * (number + 0.5)
        parts.append(tag("text", region, x=round(middle, 1), y=HEIGHT - BOTTOM + 20, class_="tick middle"))
        for k, (place, found) in enumerate(means.items()):
            if region in found:
                x = middle + (k - len(means) / 2) * wide
                parts.append(_bar(x + 1, wide - 2, *found[region], f"{place}, {region}", PLACES.get(place, 3)))
    return _whole(parts, title, HEIGHT)


def around(curves: Sequence[Curve], *, before: int, rate: float, title: str) -> Html:
    """Mean courses around a point, with one standard deviation shaded; the point is row ``before``."""
    frames = max(len(curve.course_T2) for curve in curves)
    low, high = -before / rate, (frames - before) / rate

    def x_of(seconds: float) -> float:
        return LEFT + (seconds - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [_levels(), _axis()]
    for value in ticks(low, high, about=6):
        parts.append(tag("text", compact(value), x=round(x_of(value), 1), y=HEIGHT - BOTTOM + 20, class_="tick middle"))
    parts.append(tag("text", "seconds from the point", x=WIDTH - RIGHT, y=HEIGHT - 2, class_="label end"))
    parts.append(tag("path", d=f"M{x_of(0):.1f} {TOP}V{HEIGHT - BOTTOM}", class_="level"))
    for curve in curves:
        there = np.flatnonzero(np.isfinite(curve.course_T2[:, 0]))
        x = np.array([x_of((t - before) / rate) for t in there])
        mean, spread = curve.course_T2[there].T
        top, bottom = (np.clip(mean + sign * spread, 0, 1) for sign in (1, -1))
        band = _points(x, _y(top)) + "L" + _points(x[::-1], _y(bottom[::-1]))
        parts.append(tag("path", d=f"M{band}Z", class_=f"band c{curve.colour}"))
        parts.append(
            tag("path", tag("title", curve.name), d="M" + _points(x, _y(mean)), class_=f"line c{curve.colour}")
        )
    return _whole(parts, title, HEIGHT)


def phrase_drawing(one: PhraseCurves, *, seconds: float, colours: Mapping[str, int]) -> Html:
    """Waveform, words and probabilities of one phrase; ``seconds``: the length of the axis."""
    top, bottom = WAVE + WORDS + 8, PHRASE_HEIGHT - 26

    def x_of(time: float) -> float:
        return LEFT + time / seconds * (WIDTH - LEFT - RIGHT)

    def y_of(value):
        return bottom - np.asarray(value) * (bottom - top)

    parts = [tag("g", _wave(one, seconds), transform=f"translate({LEFT} 0)"), *_words(one, x_of)]
    for level in (0.0, 0.5, 1.0):
        y = round(float(y_of(level)), 1)
        parts.append(tag("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(tag("text", f"{level:g}", x=LEFT - 8, y=y + 4.5, class_="tick end"))
    for time in ticks(0, seconds, about=6):
        parts.append(tag("text", compact(time), x=round(x_of(time), 1), y=PHRASE_HEIGHT - 8, class_="tick middle"))
    for name, p_T in one.curves.items():
        times = np.array([x_of((t + 1) / one.rate) for t in range(len(p_T))])  # a frame is known at its end
        shown = times <= WIDTH - RIGHT
        line = "M" + _points(times[shown], y_of(p_T[shown]))
        parts.append(tag("path", tag("title", name), d=line, class_=f"line c{colours[name]}"))
    parts += [_mark(name, x_of(time), bottom) for name, time in one.points.items()]
    return _whole(parts, f"Waveform, words and probability of a shift of {one.name}", PHRASE_HEIGHT)


def _mark(name: str, x: float, bottom: float) -> Html:
    line = tag("path", d=f"M{x:.1f} {WAVE + WORDS}V{bottom}", class_="point")
    return join([line, tag("text", name, x=round(x + 4, 1), y=WAVE + WORDS + 19, class_="note")])


def _wave(one: PhraseCurves, seconds: float) -> Html:
    width = WIDTH - LEFT - RIGHT
    cuts = np.linspace(0, seconds * one.sample_rate, width // 2 + 1).astype(int)
    peak = float(np.abs(one.wave_L).max(initial=0.0)) or 1.0
    tall = [np.abs(one.wave_L[a:b]).max(initial=0.0) / peak * WAVE / 2 for a, b in zip(cuts, cuts[1:], strict=False)]
    x = np.arange(len(tall)) * 2.0
    there, back = _points(x, WAVE / 2 - np.array(tall)), _points(x[::-1], WAVE / 2 + np.array(tall)[::-1])
    return tag("path", d=f"M{there}L{back}Z", class_="wave")


def _words(one: PhraseCurves, x_of) -> list[Html]:
    """Words below the waveform, in the first of two rows that has room for them."""
    parts, reach = [], [0.0, 0.0]
    for label, onset, offset in one.words:
        middle, half = x_of((onset + offset) / 2), 3.5 * len(label) + 1
        parts.append(tag("path", d=f"M{x_of(onset):.1f} {WAVE + 2}v4H{x_of(offset):.1f}v-4", class_="grid"))
        row = next((row for row in (0, 1) if middle - half >= reach[row]), None)
        if row is not None:
            parts.append(tag("text", label, x=round(middle, 1), y=WAVE + 17 + 13 * row, class_="phone middle"))
            reach[row] = middle + half + 3
    return parts


def _bar(x: float, width: float, mean: float, spread: float, name: str, colour: int) -> Html:
    y = float(_y(mean))
    told = tag("title", f"{name}: {mean:.3f} (standard deviation {spread:.3f})")
    box = tag(
        "rect", told, x=round(x, 1), y=round(y, 1), width=round(width, 1), height=round(HEIGHT - BOTTOM - y, 1),
        class_=f"fill c{colour}",
    )  # fmt: skip
    middle, low, high = x + width / 2, float(_y(max(mean - spread, 0.0))), float(_y(min(mean + spread, 1.0)))
    return join([box, tag("path", d=f"M{middle:.1f} {low:.1f}V{high:.1f}", class_="whisker")])


def _y(value):
    return HEIGHT - BOTTOM - np.asarray(value) * (HEIGHT - BOTTOM - TOP)


def _levels() -> Html:
    parts = []
    for level in LEVELS:
        y = round(float(_y(level)), 1)
        parts.append(tag("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="level" if level == 0.5 else "grid"))
        parts.append(tag("text", f"{level:g}", x=LEFT - 8, y=y + 4.5, class_="tick end"))
    return tag("g", *parts)


def _axis() -> Html:
    return tag("path", d=f"M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}", class_="axis")


def _points(x, y) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _whole(parts: Sequence[Html], title: str, height: int) -> Html:
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=title, class_="chart")
