"""How commands show figures: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def add_json(parser) -> None:
    """The option every command that yields figures has."""
    parser.add_argument("--json", metavar="FILE", help="also write the results as JSON to FILE; '-' is standard output")


def number(text: str | None, option: str) -> int | None:
    """A positive whole number, or None for ``none`` and for an option that is not given."""
    from ..core.errors import SonantError

    if text is None or text.lower() == "none":
        return None
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise SonantError(f"{option} must be a positive whole number or none, got '{text}'")


def check_target(target: str | None) -> None:
    """Raise SonantError where results cannot go, before hours are spent on them."""
    from ..core.errors import require

    require(target is None or not Path(target).is_dir(), f"'{target}' is a folder; name a file for the results in it")


def write_results(value: Any, target: str | None) -> None:
    """Write ``value`` as JSON where ``--json`` says."""
    if target is None:
        return
    if target == "-":
        json.dump(value, sys.stdout, indent=2)
        print()
        return
    from ..core.files import write_json

    write_json(Path(target), value)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None, quiet: bool = False
) -> None:
    """A table on standard output (nothing when ``quiet``, as with ``--json -``)."""
    if quiet:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=None if sys.stdout.isatty() else 200, markup=False, emoji=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left on standard error; yields ``update(done, all)``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
