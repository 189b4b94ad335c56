"""Detection error trade-off: misses against false alarms, both on a normal-deviate scale (Martin et al. 1997).

Scores of two normal distributions give a straight line. Letters: K points of a curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from .markup import Html, tag

SIZE, LEFT, BOTTOM, TOP, RIGHT = 520, 64, 52, 20, 20
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)
LOW, HIGH = 0.0008, 0.65
COLOURS = ("#0b6bcb", "#c4541a", "#2e8540", "#7a3ea1", "#8a6d00", "#b0203c")
POINTS = 400  # of a curve


def det_svg(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """A drawing of curves by name: (K,) P_miss and (K,) P_fa, from the lowest threshold to the highest."""
    parts = [tag("rect", width=SIZE, height=SIZE, fill="#fff"), _grid()]
    for number, (name, (miss_K, alarm_K)) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_curve(np.asarray(miss_K), np.asarray(alarm_K), colour))
        y = TOP + 18 + 18 * number
        parts.append(tag("path", d=f"M{SIZE - 190} {y - 4}h22", stroke=colour, stroke_width=2))
        parts.append(_text(name if len(name) <= 24 else f"…{name[-23:]}", SIZE - 162, y, "start"))
    drawn = tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {SIZE} {SIZE}",
        width=SIZE,
        height=SIZE,
        role="img",
        aria_label="detection error trade-off of " + ", ".join(curves),
        font_family="system-ui, sans-serif",
        font_size=12,
        fill="#222",
    )
    return str(drawn) + "\n"


def _grid() -> Html:
    parts = []
    for value in TICKS:
        x, y, said = _x(value), _y(value), f"{100 * value:g}"
        parts.append(tag("path", d=f"M{x} {_y(LOW)}V{_y(HIGH)}M{_x(LOW)} {y}H{_x(HIGH)}", stroke="#ddd"))
        parts += [_text(said, x, SIZE - BOTTOM + 18, "middle"), _text(said, LEFT - 8, y + 4, "end")]
    parts.append(tag("path", d=f"M{_x(LOW)} {_y(LOW)}L{_x(HIGH)} {_y(HIGH)}", stroke="#bbb", stroke_dasharray="4 4"))
    parts.append(_text("false alarms (%)", (LEFT + SIZE - RIGHT) / 2, SIZE - 12, "middle"))
    middle = (TOP + SIZE - BOTTOM) / 2
    side = tag("text", "misses (%)", x=16, y=middle, text_anchor="middle", transform=f"rotate(-90 16 {middle})")
    return tag("g", *parts, side)


def _curve(miss_K: np.ndarray, alarm_K: np.ndarray, colour: str) -> Html:
    """The part of a curve that lies between the axes' ends, and the first point beyond each."""
    inside = np.flatnonzero((miss_K <= HIGH) & (alarm_K <= HIGH) & (np.maximum(miss_K, alarm_K) >= LOW))
    first, last = (max(inside[0] - 1, 0), inside[-1] + 1) if len(inside) else (0, len(miss_K) - 1)
    kept = np.unique(np.linspace(first, min(last, len(miss_K) - 1), POINTS).round().astype(int))
    shares = zip(alarm_K[kept].clip(LOW, HIGH), miss_K[kept].clip(LOW, HIGH), strict=True)
    return tag(
        "path", d="M" + "L".join(f"{_x(a)} {_y(m)}" for a, m in shares), stroke=colour, stroke_width=2, fill="none"
    )


def _text(said: str, x: float, y: float, anchor: str) -> Html:
    return tag("text", said, x=x, y=y, text_anchor=anchor)


def _x(share: float) -> float:
    return round(LEFT + _place(share) * (SIZE - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(SIZE - BOTTOM - _place(share) * (SIZE - BOTTOM - TOP), 1)


def _place(share: float) -> float:
    """Where a share lies between both ends of an axis, in [0, 1]."""
    low, high, value = (NormalDist().inv_cdf(p) for p in (LOW, HIGH, float(share)))
    return (value - low) / (high - low)
