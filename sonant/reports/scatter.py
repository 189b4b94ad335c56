"""Points in a plane, coloured by label: a map of embeddings.

Letters: N points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from .markup import tag

WIDTH, HEIGHT, PAD, SIDE = 760, 560, 24, 180
COLOURS = (
    "#2b5fc4", "#d0571c", "#178a72", "#8b45b5", "#b98900", "#c63a78", "#2b8fb8", "#6b7a1e", "#7a4a2b", "#5a5a5a",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle", "ring")
NAMED = 20  # labels in the legend


def scatter_svg(points_N2: np.ndarray, labels: Sequence[str], *, title: str) -> str:
    """A drawing of (N, 2) points; the most frequent labels are named, each with a colour and shape of its own."""
    counts = Counter(labels)
    order = [label for label, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    number = {label: i for i, label in enumerate(order)}
    low, high = points_N2.min(0), points_N2.max(0)
    place_N2 = (points_N2 - low) / np.where(high > low, high - low, 1.0)
    inner = WIDTH - SIDE - 2 * PAD, HEIGHT - 2 * PAD
    marks = [
        _mark(PAD + x * inner[0], HEIGHT - PAD - y * inner[1], number[label], said=label)
        for (x, y), label in zip(place_N2.tolist(), labels, strict=True)
    ]
    for i, label in enumerate(order[:NAMED]):
        y = PAD + 22 * i + 6
        marks.append(_mark(WIDTH - SIDE + 12, y, i, said=label))
        marks.append(tag("text", f"{label} ({counts[label]})", x=WIDTH - SIDE + 26, y=y + 4, fill="#222"))
    if len(order) > NAMED:
        rest = f"and {len(order) - NAMED} more"
        marks.append(tag("text", rest, x=WIDTH - SIDE + 26, y=PAD + 22 * NAMED + 10, fill="#222"))
    drawn = tag(
        "svg",
        tag("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
        *marks,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=title,
        font_family="system-ui, sans-serif",
        font_size=12,
    )
    return str(drawn) + "\n"


def _mark(x: float, y: float, number: int, *, said: str):
    colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number // len(COLOURS) % len(SHAPES)]
    x, y = round(x, 1), round(y, 1)
    paint = {"fill": "none", "stroke": colour, "stroke_width": 1.6} if shape == "ring" else {"fill": colour}
    paint |= {"fill_opacity": 0.75} if shape != "ring" else {}
    name = tag("title", said)
    if shape in ("circle", "ring"):
        return tag("circle", name, cx=x, cy=y, r=4, **paint)
    if shape == "square":
        return tag("rect", name, x=round(x - 3.5, 1), y=round(y - 3.5, 1), width=7, height=7, **paint)
    return tag("path", name, d=f"M{x} {y - 4.5}l4.4 7.6h-8.8z", **paint)
