"""Run each job in a process of its own that has done nothing before.

The synthesiser's state goes on from call to call; only a process that begins anew repeats its samples exactly.
Where the system has it, processes come from a fork server that has imported what they need, so that one costs
milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

from ..core import SonantError


def run_fresh(
    work: Callable[[Any], None],
    jobs: Sequence[Any],
    *,
    processes: int | None = None,
    done: Callable[[int], None] | None = None,
) -> None:
    """Call ``work(job)`` for every job, each in a fresh process, ``processes`` at a time.

    Args:
        work: a module-level function; it leaves its results in files.
        jobs: picklable arguments, started in this order.
        processes: how many at once; None: the cores this process may use.
        done: called with the number of finished jobs.

    Raises:
        SonantError: a job failed; the others are stopped.
    """
    context = _context(work.__module__)
    limit = max(processes or usable_cores(), 1)
    waiting, running, finished = list(reversed(jobs)), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                process, messages = _start(context, work, waiting.pop())
                running[process.sentinel] = (process, messages)
            for sentinel in wait(list(running)):
                process, messages = running.pop(sentinel)
                _check(process, messages)
                finished += 1
                if done:
                    done(finished)
    finally:
        for process, messages in running.values():
            process.terminate()
            process.join()
            messages.close()


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _context(module: str):
    """How to start a process; the fork server is started here, with our search path, or its imports would fail."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, module])  # a script's own module cannot be imported ahead, ours can
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def _start(context, work: Callable[[Any], None], job: Any):
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_guarded, args=(work, job, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def _guarded(work: Callable[[Any], None], job: Any, sender) -> None:
    """Do the job, ending with the program that wants it; an error of the user's is sent as its text."""
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    try:
        work(job)
    except SonantError as error:
        sender.send(str(error))
        sys.exit(2)


def _end_with(program) -> None:
    """Wait for the end of the program, however it ends, and leave no process behind."""
    program.join()
    os._exit(3)


def _check(process, messages) -> None:
    process.join()
    message = messages.recv() if process.exitcode == 2 and messages.poll() else None
    messages.close()
    if process.exitcode:
        raise SonantError(
            message
            or f"a process of the speech generator ended with code {process.exitcode}; usual causes: memory or disk "
            "is full, or a script calls it outside of: if __name__ == '__main__'"
        )
