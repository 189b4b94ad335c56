"""One line that follows a dialogue: on a terminal it changes in place, elsewhere there is one a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

BAR = 5  # places of a bar; the line fits 80 columns
FLOOR = -60.0  # dB that an empty bar of level means


@contextmanager
def live_line(*, quiet: bool = False) -> Iterator[Callable]:
    """Yields ``show(moments)``, which tells the last of these frames; nothing when ``quiet``."""
    if quiet:
        yield lambda moments: None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield _each_second(print)
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        yield lambda moments: live.update(Text(line_of(moments), no_wrap=True, overflow="crop"))


def _each_second(say: Callable[..., None]) -> Callable:
    told = -1

    def show(moments) -> None:
        nonlocal told
        for t in range(len(moments)):
            second = int((moments.first + t) / moments.rate)
            if second > told:
                told = second
                say(line_of(moments, t), flush=True)

    return show


def line_of(moments, t: int = -1) -> str:
    """Time, and of both speakers level, activity, and the probability that they speak now and later."""
    line = moments.line(t % len(moments))
    level = " ".join(_bar((value - FLOOR) / -FLOOR) for value in line["level"])
    parts = [f"{line['time']:7.2f} s", f"level {level}"]
    if line["activity"] is not None:
        parts.append("active " + " ".join(f"{value:.2f}" for value in line["activity"]))
    parts += [f"{name} {line[key][0]:.2f} {line[key][1]:.2f}" for name, key in SHOWN]
    return "  ".join(parts)


SHOWN = (("now", "p_now"), ("later", "p_future"))


def _bar(share: float) -> str:
    full = min(max(round(share * BAR), 0), BAR)
    return "#" * full + "." * (BAR - full)
