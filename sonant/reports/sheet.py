"""The frame of every page: nothing in it comes from anywhere else.

A policy in the page forbids every request; the one script is allowed by its hash, so that text from
files could not run even if it were not escaped, which it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .markup import Html, tag

HERE = Path(__file__).parent


def sheet(title: str, parts: Sequence[Html], *, styles: Sequence[str] = (), script: str | None = None) -> str:
    """A page of some parts.

    Args:
        title: of the window; the page's own heading is one of the parts.
        styles: files of this folder beside ``page.css``.
        script: the one file of this folder that runs; None: nothing does.
    """
    css = Html("".join((HERE / name).read_text(encoding="utf-8") for name in ("page.css", *styles)))
    code = None if script is None else Html((HERE / script).read_text(encoding="utf-8"))
    allowed = "'none'"
    if code is not None:
        allowed = f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
    policy = f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · sonant report"),
        tag("style", css),
    )
    body = tag("body", tag("main", *parts), "" if code is None else tag("script", code))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def data_block(anchor: str, value: Any) -> Html:
    """A value for the page's script to read: JSON that is never run, whatever texts it holds."""
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for mark, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        written = written.replace(mark, code)
    return tag("script", Html(written), type="application/json", id=anchor)
