from __future__ import annotations

import multiprocessing
import sys
import threading
import time

import pytest

from sonant.training.config import TrainConfig
from sonant.training.cpu_time import cpu_seconds
from sonant.training.state import State


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def burn_and_wait(seconds: float, done, leave) -> None:
    burn(seconds)
    done.set()
    leave.wait()


def test_work_counts_and_waiting_does_not():
    before = cpu_seconds()
    time.sleep(0.2)
    assert cpu_seconds() - before < 0.1
    burn(0.1)
    assert cpu_seconds() - before >= 0.1
    thread = threading.Thread(target=burn, args=(0.2,))  # process time counts all threads
    thread.start(), thread.join()
    assert cpu_seconds() - before >= 0.29


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes that still run are told of by /proc")
def test_a_process_counts_while_it_runs_and_once_when_it_has_ended():
    context = multiprocessing.get_context("fork")
    done, leave = context.Event(), context.Event()
    before = cpu_seconds()
    child = context.Process(target=burn_and_wait, args=(0.3, done, leave))
    child.start()
    assert done.wait(30)
    running = cpu_seconds() - before
    leave.set(), child.join()
    ended = cpu_seconds() - before
    assert 0.25 < running < 0.6 and 0.25 < ended < running + 0.2


def test_shares_of_the_limits_on_time():
    state = State(seconds=30.0, cpu_seconds=45.0)
    assert state.shares_of_time(TrainConfig()) == {}
    assert state.shares_of_time(TrainConfig(max_minutes=1.0)) == {"minutes": 0.5}
    both = TrainConfig(max_minutes=1.0, max_cpu_minutes=0.75)
    assert state.shares_of_time(both) == {"minutes": 0.5, "cpu_minutes": 1.0}
    assert state.ending(both) == "cpu_minutes" and state.ending(TrainConfig(max_minutes=1.0)) is None
