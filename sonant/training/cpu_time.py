"""CPU time: what a run used of the processors, however busy the machine was with other work."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from pathlib import Path


def cpu_seconds() -> float:
    """CPU time in seconds, of user and system together, of this process and of the processes it started.

    Those that have ended count everywhere (once waited for), those that still run only where /proc tells of them
    (Linux). Threads count each: two busy threads use two seconds in a second.
    """
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system + _of_running()


def _of_running() -> float:
    """Of the processes that this one started through ``multiprocessing`` (a loader's workers) and that still run."""
    ticks = 0
    for child in multiprocessing.active_children():
        with contextlib.suppress(OSError, ValueError, IndexError):
            after_name = (
                Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            )
            ticks += sum(map(int, after_name.split()[11:13]))  # utime and stime, fields 14 and 15 of proc(5)
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else 0.0
