from __future__ import annotations

import io
import sys

from sonant.training.console import Console, duration


def test_durations():
    assert [duration(s) for s in (0.4, 59.9, 75, 3600, 8000)] == [
        "0 s",
        "59 s",
        "1 min 15 s",
        "1 h 0 min",
        "2 h 13 min",
    ]


def test_without_a_terminal_a_line_now_and_then(capsys):
    console = Console(total=10)
    for step in range(1, 6):
        console.step(step, loss=0.5, speed=12.3, left=65)
    console.say("told [at once]")
    console.close()
    assert capsys.readouterr().err == "step 1/10  loss 0.5000  12.3 x real time  1 min 5 s left\ntold [at once]\n"


def test_other_processes_are_silent(capsys):
    console = Console(total=10, quiet=True)
    console.step(1, loss=0.5, speed=1, left=1)
    console.say("nothing")
    assert capsys.readouterr().err == ""


def test_on_a_terminal_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    console = Console(total=10)
    console.step(3, loss=0.25, speed=50, left=3)
    console.say("step 3: [validation] loss 0.3")
    console.close()
    assert "3/10" in screen.getvalue() and "0.2500" in screen.getvalue() and "[validation] loss" in screen.getvalue()
