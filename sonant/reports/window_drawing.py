"""The future that a model foretells at a moment, drawn against the true one.

Letters: C = 2 speakers, N bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from .charts import compact
from .markup import Html, join, tag

Stretch = tuple[float, float]

WIDTH, LEFT, RIGHT, LANE, TOP = 560, 78, 10, 66, 8
BEFORE_S = 2.0


@dataclass(frozen=True)
class WindowView:
    """What is known of one moment.

    Attributes:
        seconds: when; the window begins after it.
        bins_s: length of each bin in seconds.
        p_CN: probability that each bin is active.
        best_CN: bins of the likeliest class.
        true_CN: the true bins; None where the recording ends before.
        activity: true stretches of speech in seconds for both speakers; None: not known.
    """

    seconds: float
    bins_s: Sequence[float]
    p_CN: np.ndarray
    best_CN: np.ndarray
    true_CN: np.ndarray | None = None
    activity: Sequence[Sequence[Stretch]] | None = None


def window_drawing(view: WindowView) -> Html:
    """Two lanes, one for each speaker: what was said before, and the bins after; filled by probability, framed where
    truly active, with a dot where the likeliest class has them active."""
    edges = [0.0, *accumulate(view.bins_s)]
    span = BEFORE_S + edges[-1]

    def x_of(time: float) -> float:
        return LEFT + (time + BEFORE_S) / span * (WIDTH - LEFT - RIGHT)

    parts = [_lane(view, c, edges, x_of) for c in (0, 1)]
    bottom = TOP + 2 * LANE
    parts.append(tag("path", d=f"M{x_of(0):.1f} {TOP - 6}V{bottom - 2}", class_="now"))
    marks = [-BEFORE_S, *([0.0, edges[-1]] if len(edges) > 6 else edges)]
    parts += [
        tag("text", compact(round(time, 3)), x=round(x_of(time), 1), y=bottom + 14, class_="tick middle")
        for time in marks
    ]
    parts.append(tag("text", "s", x=LEFT - 20, y=bottom + 14, class_="tick end"))
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {bottom + 20}", role="img", class_="chart",
        aria_label=f"Foretold and true window at {view.seconds:.2f} s",
    )  # fmt: skip


def _lane(view: WindowView, c: int, edges: Sequence[float], x_of) -> Html:
    top, high = TOP + c * LANE, LANE - 14
    parts = [tag("text", f"speaker {c}", x=0, y=top + high / 2 + 5, class_="label")]
    for onset, offset in view.activity[c] if view.activity is not None else ():
        left, right = max(onset - view.seconds, -BEFORE_S), min(offset - view.seconds, edges[-1])
        if right > left:
            where = {"x": round(x_of(left), 1), "width": round(x_of(right) - x_of(left), 1)}
            parts.append(tag("rect", **where, y=top + high + 2, height=5, class_=f"fill c{c}"))
    for b, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
        parts.append(_bin(view, c, b, left=x_of(start) + 1.5, right=x_of(end) - 1.5, top=top, high=high))
    return join(parts)


def _bin(view: WindowView, c: int, b: int, *, left: float, right: float, top: float, high: float) -> Html:
    p, box = float(view.p_CN[c, b]), {"x": round(left, 1), "y": top, "width": round(max(right - left, 0.5), 1)}
    true = view.true_CN is not None and bool(view.true_CN[c, b])
    parts = [
        tag("rect", **box, height=high, class_=f"fill c{c}", opacity=f"{0.75 * p:.2f}"),
        tag("rect", **box, height=high, class_="truth" if true else "frame"),
    ]
    middle = round((left + right) / 2, 1)
    if right - left > 26:
        parts.append(tag("text", f"{p:.2f}", x=middle, y=top + 22, class_="share middle"))
    if view.best_CN[c, b]:
        parts.append(tag("circle", cx=middle, cy=top + high - 12, r=4 if right - left > 10 else 2, class_="mark"))
    return join(parts)
