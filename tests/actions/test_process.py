from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from sonant.actions import _process
from sonant.actions._process import STOPPING, Processes

NAP = "import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); print('up'); time.sleep(20)"
COUNT = """
import time
for number in range(30):
    open("{}", "w").write(str(number))
    time.sleep(0.02)
"""


@pytest.fixture
def lock(tmp_path):
    handle = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    yield handle
    os.close(handle)


@pytest.fixture
def python(monkeypatch):
    """Words are a line of Python."""
    monkeypatch.setattr(_process, "command_of", lambda words, watch: [sys.executable, "-u", "-c", *words])


def send_when_up(reader: int, *numbers: int) -> None:
    """Signals to ourselves as soon as the process says that it is up."""

    def send() -> None:
        os.read(reader, 2)
        for number in numbers:
            os.kill(os.getpid(), number)

    threading.Thread(target=send).start()


@pytest.mark.parametrize(("line", "code"), [("", 0), ("raise SystemExit(5)", 5)])
def test_the_exit_code_is_passed_on(lock, python, line, code):
    with Processes(lock=lock) as processes, processes.at_work():
        assert processes.run([line]) == code
    assert processes.stopped is None


def test_the_end_by_a_signal_has_its_number(lock, python):
    with Processes(lock=lock) as processes, processes.at_work():
        assert processes.run(["import os; os.kill(os.getpid(), 9)"]) == 128 + 9


def test_a_signal_reaches_the_command_once(lock, python):
    reader, writer = os.pipe()
    with Processes(lock=lock, stdout=writer) as processes, processes.at_work():
        send_when_up(reader, signal.SIGINT, signal.SIGINT)  # as timeout(1) sends it: to the process and to its group
        assert processes.run([NAP]) == 7
        assert processes.stopped == "SIGINT"
        assert processes.run([NAP]) == 130  # nothing is started any more


def test_between_commands_a_signal_interrupts(lock):
    before = [signal.getsignal(number) for number in STOPPING]
    with Processes(lock=lock) as processes:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert processes.stopped == "SIGTERM"
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_what_nohup_ignores_stays_ignored(lock):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Processes(lock=lock):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_nothing_is_installed(lock, python):
    codes = []

    def work() -> None:
        with Processes(lock=lock) as processes:
            codes.append(processes.run([""]))

    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [0]
    assert signal.getsignal(signal.SIGINT) == handler


def test_ctrl_z_stops_both(lock, python, tmp_path):
    pid = os.fork()
    if pid == 0:
        with Processes(lock=lock) as processes, processes.at_work():
            os._exit(processes.run([COUNT.format(tmp_path / "n")]))
    end = time.monotonic() + 20
    while not (tmp_path / "n").exists() and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(pid, signal.SIGTSTP)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    time.sleep(0.05)
    seen = (tmp_path / "n").stat().st_mtime_ns
    time.sleep(0.2)
    assert (tmp_path / "n").stat().st_mtime_ns == seen
    os.kill(pid, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
