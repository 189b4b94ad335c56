"""HTML that is safe by construction: whatever is not ``Html`` is escaped when it enters a tag."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any


class Html(str):
    """Text that is markup already. Only this module and literals of our own make it."""

    __slots__ = ()


def esc(value: Any) -> Html:
    """``value`` as markup: ``Html`` as it is, None as nothing, anything else escaped."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else html.escape(str(value), quote=True))


def join(parts: Iterable[Any], between: str = "") -> Html:
    """The parts one after another, each escaped unless it is markup."""
    return Html(between.join(esc(part) for part in parts))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element. ``class_="x"`` is class, ``aria_label`` is aria-label; None and False leave one out."""
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        written.append(f" {label}" if value is True else f' {label}="{html.escape(str(value), quote=True)}"')
    opening = f"<{name}{''.join(written)}>"
    if name in ("meta", "br", "img", "col"):
        return Html(opening)
    return Html(f"{opening}{join(children)}</{name}>")


def table(
    columns: Sequence[Any], rows: Iterable[Sequence[Any]], *, caption: str | None = None, class_: str = ""
) -> Html:
    """A table; a column is set flush right when every cell of it that is not empty is a number."""
    rows = [list(row) for row in rows]
    flush = [_numeric(row[place] for row in rows if place < len(row)) for place in range(len(columns))]
    marks = ["number" if right else None for right in flush]
    head = tag(
        "tr", *(tag("th", column, scope="col", class_=mark) for column, mark in zip(columns, marks, strict=True))
    )
    cells = [[tag("td", value, class_=mark) for value, mark in zip(row, marks, strict=True)] for row in rows]
    body = [tag("tr", *row) for row in cells]
    named = tag("caption", caption) if caption else ""
    whole = tag("table", named, tag("thead", head), tag("tbody", *body), class_=class_ or None)
    return tag("div", whole, class_="scroll")


def _numeric(values: Iterable[Any]) -> bool:
    """Whether these cells are numbers, perhaps with a unit: ``12``, ``3.4 %``, ``1,200``, ``5 min 02 s``."""
    texts = [str(value) for value in values if value not in (None, "") and not isinstance(value, Html)]
    return bool(texts) and all(text[0] in "0123456789-" and len(text) < 16 for text in texts)


def folded(summary: Any, *children: Any, class_: str | None = None) -> Html:
    """Content that opens on a click."""
    return tag("details", tag("summary", summary), *children, class_=class_)


def missing(text: str) -> Html:
    """One line that says what is not there."""
    return tag("p", text, class_="missing")


def section(anchor: str, title: str, *children: Any) -> Html:
    """A part of the page with its heading."""
    return tag(
        "section", tag("h2", title, id=f"{anchor}-title"), *children, id=anchor, aria_labelledby=f"{anchor}-title"
    )
