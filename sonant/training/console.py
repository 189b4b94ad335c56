"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

EVERY = 10.0  # seconds between two lines where there is no terminal


class Console:
    """Shows step, loss, speed and the time that is left.

    Args:
        total: steps of the whole run.
        quiet: show nothing at all (processes other than the first).
    """

    def __init__(self, *, total: int, quiet: bool = False):
        self._total, self._quiet = total, quiet
        self._last = 0.0
        self._bar = self._task = None
        if not quiet and sys.stderr.isatty():
            self._bar, self._task = _bar(total)
            self._bar.start()

    def step(self, step: int, *, loss: float, speed: float, left: float) -> None:
        """Show one step: ``speed`` in seconds of audio per second, ``left`` in seconds."""
        text = f"loss {loss:.4f}  {speed:.1f} x real time  {duration(left)} left"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=step, text=text)
        elif not self._quiet and time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            print(f"step {step}/{self._total}  {text}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """One line that stays."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the last state standing."""
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """``75.0`` -> ``"1 min 15 s"``."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _bar(total: int):
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"))
    bar = Progress(*columns, console=Terminal(stderr=True), refresh_per_second=4)
    return bar, bar.add_task("train", total=total, text="")
