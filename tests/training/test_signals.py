from __future__ import annotations

import os
import signal
import threading

import pytest

from sonant.training import signals as signals_module
from sonant.training.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_the_first_signal_is_noted_the_second_interrupts(number, monkeypatch):
    monkeypatch.setattr(signals_module, "TWICE_S", 0.0)
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)]
    with StopSignals() as signals:
        assert signals.name is None
        os.kill(os.getpid(), number)
        assert signals.name == number.name
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)] == before


def test_the_same_signal_at_once_is_the_first_one_still():
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # as GNU timeout sends it, to the process and to its group
        assert signals.name == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_child_process_ignores_what_it_inherits():
    with StopSignals():
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_outside_the_main_thread_nothing_is_installed():
    handler, failed = signal.getsignal(signal.SIGINT), []

    def enter():
        try:
            with StopSignals():
                failed.append(signal.getsignal(signal.SIGINT) != handler)
        except ValueError:
            failed.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failed == [False]
