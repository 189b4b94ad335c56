"""Which phones a representation takes for which: the ABX error of every ordered pair, and the worst.

Letters: P phones.
"""

from __future__ import annotations

from collections.abc import Sequence

from .markup import Html, folded, join, missing, section, table, tag
from .phones import CLASSES, class_of, ordered
from .results import Result, condition, spell_figure
from .scores import GREYS, Labels

CELL, MARGIN = 14, 58
MOST = 3  # heat maps on a page
WORST = 10


def confusion_section(results: Sequence[Result], labels: Labels) -> Html:
    """A heat map and the ten worst pairs for each score that came with its confusions, models before baselines."""
    found = {}
    for result in results:
        if result.confusions and result.confusions["phones"]:
            found[(labels.of(result.model), condition(result), result.data)] = result  # of repeated scores the last
    if not found:
        return section("confusions", "Confused phones", missing("No score on file came with its table of phone pairs."))
    ranked = sorted(found.items(), key=lambda item: (item[0][0] in GREYS, "across" not in item[0][1]))
    blocks = []
    for (label, words, data), result in ranked[:MOST]:
        baseline = next(
            (found[name, words, data] for name in GREYS if (name, words, data) in found and name != label), None
        )
        blocks.append(_block(result, title=f"{label}: {words}", baseline=baseline, labels=labels))
    rest = ", ".join(f"{label} ({words})" for (label, words, _), _ in ranked[MOST:])
    more = missing(f"Not drawn, to keep the page small: {rest}.") if rest else ""
    explained = tag(
        "p",
        "Row A, column B: how often X, another token of A, lies nearer to a token of B than to its own kind. "
        "Empty is never, full colour is 50 %, which is chance.",
        class_="fine",
    )
    return section("confusions", "Confused phones", explained, *blocks, more)


def worst_pairs(confusions: dict, number: int = WORST) -> list[tuple[str, str, float]]:
    """[(A, B, error)] of the ordered pairs with the highest errors, highest first."""
    phones = confusions["phones"]
    pairs = [
        (str(phones[a]), str(phones[b]), float(error))
        for a, row in enumerate(confusions["matrix"])
        for b, error in enumerate(row)
        if error is not None and a != b
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:number]


def class_errors(confusions: dict) -> list[tuple[str, str, float]]:
    """[(class of A, class of B, mean error over their pairs)] for every two classes that occur, in the usual order."""
    phones = [str(phone) for phone in confusions["phones"]]
    ipa = any(not phone.isascii() for phone in phones)
    kinds = [CLASSES[class_of(phone, ipa=ipa)[0]] for phone in phones]
    cells: dict[tuple[str, str], list[float]] = {}
    for a, row in enumerate(confusions["matrix"]):
        for b, error in enumerate(row):
            if error is not None and a != b:
                cells.setdefault((kinds[a], kinds[b]), []).append(float(error))
    keys = sorted(cells, key=lambda key: (CLASSES.index(key[0]), CLASSES.index(key[1])))
    return [(*key, sum(cells[key]) / len(cells[key])) for key in keys]


def _block(result: Result, *, title: str, baseline: Result | None, labels: Labels) -> Html:
    confusions = result.confusions or {}
    known = _errors(baseline.confusions) if baseline and baseline.confusions else {}
    columns = ["A", "B", "error", *([labels.of(baseline.model)] if baseline and known else [])]
    rows = []
    for a, b, error in worst_pairs(confusions):
        beside = [spell_figure("error", known[a, b]) if (a, b) in known else ""] if known else []
        rows.append((a, b, spell_figure("error", error), *beside))
    worst = table(columns, rows, caption=f"The {len(rows)} most confused pairs")
    beside = tag("div", tag("div", _heat(confusions, title), class_="scroll"), worst, class_="beside")
    return tag("figure", tag("figcaption", title), beside, folded("By class", _class_table(confusions)))


def _class_table(confusions: dict) -> Html:
    means = {(a, b): error for a, b, error in class_errors(confusions)}
    across = [name for name in CLASSES if any(b == name for _, b in means)]
    rows = [
        (tag("b", a), *(spell_figure("error", means[a, b]) if (a, b) in means else "" for b in across))
        for a in CLASSES
        if any(first == a for first, _ in means)
    ]
    return table(("A \\ B", *across), rows, caption="Mean error over the pairs of two classes")


def _errors(confusions: dict) -> dict[tuple[str, str], float]:
    return {(a, b): error for a, b, error in worst_pairs(confusions, number=len(confusions["phones"]) ** 2)}


def _heat(confusions: dict, title: str) -> Html:
    phones, matrix = [str(phone) for phone in confusions["phones"]], confusions["matrix"]
    groups = ordered(phones)
    order = [index for _, members in groups for index in members]
    side = CELL * len(order)
    cells = [
        _cell(row, column, matrix[a][b], f"{phones[a]} taken for {phones[b]}")
        for row, a in enumerate(order)
        for column, b in enumerate(order)
        if a != b and matrix[a][b] is not None
    ]
    names = [
        part
        for place, index in enumerate(order)
        for part in (
            tag("text", phones[index], x=-5, y=place * CELL + CELL * 0.75, class_="cell end"),
            tag("text", phones[index], x=place * CELL + CELL / 2, y=-5, class_="cell middle"),
        )
    ]
    drawn = tag("g", _classes(groups, side), *cells, *names, transform=f"translate({MARGIN} {MARGIN})")
    size = side + MARGIN + 4
    return tag(
        "svg",
        drawn,
        viewBox=f"0 0 {size} {size}",
        role="img",
        aria_label=f"ABX error of phone pairs, {title}",
        class_="heat",
    )


def _classes(groups: Sequence[tuple[str, list[int]]], side: int) -> Html:
    """Lines between the classes, and their names along the top and the left."""
    parts, place = [tag("rect", width=side, height=side, class_="ground")], 0
    for name, members in groups:
        middle, length = (place + len(members) / 2) * CELL, len(members) * CELL
        short = name if length >= 62 else name[:6] if length >= 38 else name[:3]
        short = short if len(short) == len(name) else f"{short}."
        parts.append(tag("text", short, x=middle, y=-24, class_="class middle"))
        parts.append(tag("text", short, x=-30, y=middle, transform=f"rotate(-90 -30 {middle})", class_="class middle"))
        place += len(members)
        if place * CELL < side:
            parts.append(tag("path", d=f"M{place * CELL} -34V{side}M-40 {place * CELL}H{side}", class_="grid"))
    return join(parts)


def _cell(row: int, column: int, error: float, told: str) -> Html:
    return tag(
        "rect",
        tag("title", f"{told}: {spell_figure('error', error)}"),
        x=column * CELL,
        y=row * CELL,
        width=CELL - 1,
        height=CELL - 1,
        fill_opacity=round(min(max(error, 0.0) / 0.5, 1.0), 2),
    )
