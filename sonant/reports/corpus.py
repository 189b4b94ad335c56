"""The page of a corpus of dialogues: which futures follow how often, and how long its events last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import write_text
from .markup import Html, join, missing, section, table, tag
from .sheet import sheet

SIDE, LEFT, TOP = 24, 74, 62  # of a cell of the map of classes, and around it
MOST = 5  # bins of a speaker that the map has room for: 32 x 32 cells
DARKEST, FAINTEST = 0.95, 0.08
WIDTH, HEIGHT, BOTTOM = 360, 170, 34
STATES = {"only_0": "speaker 0 alone", "only_1": "speaker 1 alone", "both": "both", "silence": "nobody"}


def corpus_page(out: str | Path, summary: Mapping[str, Any], *, title: str, event_set: str) -> Path:
    """Write the page.

    Args:
        summary: as ``CorpusStatistics.summary`` gives it.
        title: what was counted.
        event_set: of the events, 2023 or 2022.
    """
    parts = [_opening(summary, title), _classes(summary["classes"]), _events(summary["events"], event_set)]
    write_text(out, sheet(title, parts, styles=("corpus.css",)))
    return Path(out)


def _opening(summary: Mapping[str, Any], title: str) -> Html:
    classes, number = summary["classes"], summary["dialogues"]
    said = (
        f"{number} dialogue{'s' * (number != 1)}, {summary['hours']:.2f} h. A model that knows only how often each "
        f"future follows has a cross-entropy of {classes['entropy_nats']:.3f} nats."
    )
    tiles = [(f"{share:.1%}", STATES.get(name, name)) for name, share in summary["states"].items()]
    tiles.append((str(classes["occurring"]), f"of {len(classes['histogram'])} classes occur"))
    return tag(
        "header",
        tag("p", "sonant report", class_="brand"),
        tag("h1", title),
        tag("p", said, class_="lead"),
        tag("dl", *(tag("div", tag("dd", figure), tag("dt", what)) for figure, what in tiles), class_="tiles"),
    )


def _classes(classes: Mapping[str, Any]) -> Html:
    count_K = np.asarray(classes["histogram"], dtype=float)
    n_bins = (len(count_K).bit_length() - 1) // 2
    explained = (
        "Each cell is a future: its column what speaker 0 does in the next bins, its row what speaker 1 does, nearest "
        "bin first. The stronger its colour, the more frames have it; empty cells do not occur."
    )
    rows = [(row["class"], tag("code", row["bins"]), f"{row['share']:.1%}") for row in classes["most"]]
    named = table(("class", "bins of speaker 0 / 1", "share"), rows, caption="The most frequent")
    drawn = class_map(count_K) if n_bins <= MOST else missing(f"{len(count_K):,} classes are too many to draw.")
    beside = tag("div", tag("figure", drawn), named, class_="beside")
    return section("classes", "Futures", tag("p", explained, class_="fine"), beside)


def class_map(count_K: np.ndarray) -> Html:
    """The histogram of classes as a square: bins of speaker 0 across, of speaker 1 down."""
    side = 1 << ((len(count_K).bit_length() - 1) // 2)
    n_bins, total = side.bit_length() - 1, max(float(count_K.sum()), 1.0)
    highest = max(float(count_K.max(initial=0.0)), 2.0)
    parts = [tag("rect", x=LEFT, y=TOP, width=side * SIDE, height=side * SIDE, class_="ground")]
    for k in np.flatnonzero(count_K):
        x, y = LEFT + int(k) % side * SIDE, TOP + int(k) // side * SIDE
        dark = FAINTEST + (DARKEST - FAINTEST) * (np.log(count_K[k]) / np.log(highest)) ** 2
        bins = f"{spelt(int(k) % side, n_bins)} / {spelt(int(k) // side, n_bins)}"
        told = tag("title", f"{bins} (class {k}): {int(count_K[k]):,} frames, {count_K[k] / total:.2%}")
        parts.append(tag("rect", told, x=x, y=y, width=SIDE, height=SIDE, opacity=f"{dark:.2f}", class_="fill c0"))
    for row in range(side):
        middle = SIDE * (row + 0.5) + 4
        word = spelt(row, n_bins)
        parts.append(tag("text", word, x=LEFT - 6, y=TOP + middle, class_="bins end"))
        across = LEFT + middle
        parts.append(tag("text", word, x=across, y=TOP - 6, class_="bins", transform=f"rotate(-90 {across} {TOP - 6})"))
    parts.append(tag("text", "speaker 0", x=LEFT + side * SIDE / 2, y=12, class_="label middle"))
    middle = TOP + side * SIDE / 2
    turned = f"rotate(-90 14 {middle})"
    parts.append(tag("text", "speaker 1", x=14, y=middle, transform=turned, class_="label middle"))
    size = f"0 0 {LEFT + side * SIDE + 4} {TOP + side * SIDE + 4}"
    return tag("svg", *parts, viewBox=size, role="img", aria_label="How often each class occurs", class_="chart")


def spelt(bits: int, n_bins: int) -> str:
    """Bins of one speaker, nearest first: ``o`` where active."""
    return "".join("o" if bits >> b & 1 else "." for b in range(n_bins))


def _events(events: Mapping[str, Mapping[str, Any]], event_set: str) -> Html:
    drawn = [
        tag("figure", tag("figcaption", kind.replace("_", " "), tag("small", _said(row))), duration_bars(row, kind))
        for kind, row in events.items()
        if row["count"]
    ]
    none = [kind.replace("_", " ") for kind, row in events.items() if not row["count"]]
    fine = tag("p", f"How long the events of the set {event_set} last; bars are numbers of events.", class_="fine")
    lacking = missing(f"None of: {', '.join(none)}.") if none else ""
    return section("events", "Events", fine, tag("div", *drawn, class_="figures small"), lacking)


def _short(count: int) -> str:
    """A number of at most four digits, or in thousands."""
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['count']:,}, median {row['median']:.2f} s"


def duration_bars(row: Mapping[str, Any], kind: str) -> Html:
    """Durations of one kind of events, a bar for each class of them; the last is open."""
    edges, counts = [*row["edges"]], row["histogram"]
    bottom, step = HEIGHT - BOTTOM, (WIDTH - 8) / len(counts)
    highest, parts = max(*counts, 1), []
    for number, count in enumerate(counts):
        x, tall = 4 + step * number, count / highest * (bottom - 22)
        last = number == len(counts) - 1
        span = f"{edges[number]:g} s and more" if last else f"{edges[number]:g} to {edges[number + 1]:g} s"
        box = {
            "x": round(x + 2, 1),
            "y": round(bottom - tall, 1),
            "width": round(step - 4, 1),
            "height": round(tall, 1),
        }
        parts.append(tag("rect", tag("title", f"{span}: {count:,}"), **box, class_="fill c2"))
        if count:
            parts.append(
                tag(
                    "text",
                    _short(count),
                    x=round(x + step / 2, 1),
                    y=round(bottom - tall - 5, 1),
                    class_="tick middle",
                )
            )
        parts.append(tag("text", f"{edges[number]:g}", x=round(x, 1), y=HEIGHT - 15, class_="tick middle"))
    parts.append(tag("text", "seconds", x=WIDTH, y=HEIGHT - 1, class_="label end"))
    parts.append(tag("path", d=f"M0 {bottom}H{WIDTH}", class_="axis"))
    label = f"Durations of {kind}"
    return tag("svg", join(parts), viewBox=f"-8 0 {WIDTH + 8} {HEIGHT}", role="img", aria_label=label, class_="chart")
