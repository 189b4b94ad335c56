"""Ctrl-C and the cluster's warnings: stop after the current step, saved."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

TWICE_S = 0.2  # s within which a signal that comes again is the same one: GNU timeout sends it to the group too


class StopSignals:
    """While entered, SIGINT, SIGTERM and SIGUSR1 set ``name`` instead of ending the process.

    A second signal raises KeyboardInterrupt at once; the same one within 0.2 s is no second one. SLURM announces the
    end of a job with ``--signal=USR1@120``. Worker processes of a data loader inherit the handlers and ignore the
    signals.

    Attributes:
        name: of the signal that came (``"SIGINT"``), or None.
    """

    def __init__(self):
        self.name: str | None = None
        self._owner, self._since = os.getpid(), 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _received(self, number: int, _frame) -> None:
        if os.getpid() != self._owner:
            return
        name = signal.Signals(number).name
        if self.name is not None:
            if name == self.name and time.monotonic() - self._since < TWICE_S:
                return
            raise KeyboardInterrupt
        self.name, self._since = name, time.monotonic()
        # The same signal may have ended the loader's workers. Their end must not interrupt the step that runs:
        # the loader finds out by itself when it is next asked for a batch.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
