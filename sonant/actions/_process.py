"""Running the commands of a recipe as processes of their own, and handing signals on to them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("_child.py")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
TWICE_S = 0.3  # the same signal again so soon is the same wish: some programs send it to a process and to its group
INTERRUPTED = 130


def command_of(words: Sequence[str], watch: int) -> list[str]:
    """What starts the process of a stage."""
    return [sys.executable, "-P", str(CHILD), str(watch), *words]


class Processes:
    """Starts commands one after the other; while entered, signals that ask to stop go on to the one that runs.

    Every command is a process group of its own, so that a signal reaches it once, be it sent to us alone or by the
    terminal to all. Between commands the signals raise KeyboardInterrupt.

    Attributes:
        stopped: name of the first signal that asked to stop, or None.
    """

    def __init__(self, *, lock: int, stdout: int | None = None):
        self.lock, self.stdout = lock, stdout
        self.stopped: str | None = None
        self._busy = False
        self._group: int | None = None
        self._last = (0, 0.0)  # signal, when
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Processes:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
                    self._before[number] = signal.signal(number, self._stop)
            self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._pause)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """While a stage is started, run and noted as done, signals are only noted and handed on."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def run(self, words: Sequence[str]) -> int:
        """Run one sonant command to its end; its exit code, 128 + N when signal N ended it."""
        watch, alive = os.pipe()  # the other end closes when we are gone, however that comes
        try:
            if self.stopped:
                return INTERRUPTED
            process = subprocess.Popen(
                command_of(words, watch),
                stdin=subprocess.DEVNULL,
                stdout=self.stdout,
                pass_fds=(watch, self.lock),
                process_group=0,
            )
            self._group = process.pid
            if self.stopped:  # it came while the process was being started
                self._hand_on(getattr(signal, self.stopped))
            code = process.wait()
        finally:
            self._group = None
            os.close(watch)
            os.close(alive)
        return code if code >= 0 else 128 - code

    def _stop(self, number: int, _frame) -> None:
        now = time.monotonic()
        repeated = self._last[0] == number and now - self._last[1] < TWICE_S
        self._last = (number, now)
        if repeated:
            return
        self.stopped = self.stopped or signal.Signals(number).name
        if not self._busy:
            raise KeyboardInterrupt
        self._hand_on(signal.SIGTERM if number == signal.SIGHUP else number)  # a training saves itself on SIGTERM

    def _pause(self, _number: int, _frame) -> None:
        """Ctrl-Z stops the command too, and both go on together."""
        self._hand_on(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._hand_on(signal.SIGCONT)

    def _hand_on(self, number: int) -> None:
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)
