"""Ctrl-C and the cluster's warnings: stop after the current step, saved."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


class StopSignals:
    """While entered, SIGINT, SIGTERM and SIGUSR1 set ``name`` instead of ending the process.

    A second signal raises KeyboardInterrupt at once. SLURM announces the end of a job with
    ``--signal=USR1@120``. Worker processes of a data loader inherit the handlers and ignore the signals.

    Attributes:
        name: of the signal that came (``"SIGINT"``), or None.
    """

    def __init__(self):
        self.name: str | None = None
        self._owner = os.getpid()
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
        if self.name is not None:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
        # The same signal may have ended the loader's workers. Their end must not interrupt the step that runs:
        # the loader finds out by itself when it is next asked for a batch.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
