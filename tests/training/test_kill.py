"""Kills that nothing can catch: what is on disk afterwards, and what a resumed run makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import training_toy
from training_toy import lines_of, train_toy

from sonant.training import checkpoint

TRAIN = {"steps": 100, "checkpoint_every": 1, "valid_every": 50, "log_every": 20, "ema_decay": 0.9}
METHOD = {"dropout": 0.2}


class Victim:
    """A training process, forked from one that has torch loaded already."""

    def __init__(self, nursery: subprocess.Popen, *arguments):
        self.nursery = nursery
        nursery.stdin.write(json.dumps(arguments) + "\n")
        nursery.stdin.flush()
        self.pid = int(nursery.stdout.readline())

    def kill(self) -> int:
        """SIGKILL; returns how the process ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return int(self.nursery.stdout.readline())


@pytest.fixture(scope="module")
def nursery():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, training_toy.__file__, "nursery"], **pipes) as process:
        yield process
        process.stdin.close()


def wait_for(condition, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.0003)
    return False


def unfinished(run_dir: Path) -> set[str]:
    """Names of the checkpoints that are being written at this moment, or were when a process was killed."""
    return {path.name for path in (run_dir / "checkpoints").glob(".*.part")}


def assert_whole(run_dir: Path) -> int:
    """Every checkpoint can be read; returns the newest one's step."""
    steps = [checkpoint.read(path)["step"] for path in checkpoint.listed(run_dir)]
    return max(steps, default=0)


def test_twenty_kills_while_checkpointing_lose_nothing(tmp_path, nursery):
    _, whole = train_toy(tmp_path / "whole", train=TRAIN, method=METHOD)
    run_dir, draw, reached, torn = tmp_path / "killed", random.Random(0), [0], []
    for _ in range(20):
        seen = unfinished(run_dir)
        victim = Victim(nursery, str(run_dir), 0.0, TRAIN, METHOD)
        for _ in range(draw.randint(1, 4)):  # die in the first to fourth checkpoint of this life
            assert wait_for(lambda seen=seen: unfinished(run_dir) - seen)
            seen |= unfinished(run_dir)
        time.sleep(draw.random() * 0.003)
        assert victim.kill() == -signal.SIGKILL
        torn.append(bool(unfinished(run_dir)))
        reached.append(assert_whole(run_dir))
    assert reached == sorted(reached) and 0 < reached[-1] < 100 and sum(torn) >= 1
    _, toy = train_toy(run_dir, train=TRAIN, method=METHOD, resume=True)
    ends = toy.state_dict(), whole.state_dict()
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[1])
    steps = [line["step"] for line in lines_of(run_dir, "train")]
    assert steps == list(range(20, 101, 20))
    assert [line["loss"] for line in lines_of(run_dir, "train", "valid")] == [
        line["loss"] for line in lines_of(tmp_path / "whole", "train", "valid")
    ]
    assert not list(run_dir.rglob("*.part"))


def test_a_kill_at_any_time_changes_nothing(tmp_path, nursery):
    settings = {**TRAIN, "steps": 60, "checkpoint_every": 7}
    _, whole = train_toy(tmp_path / "whole", train=settings, method=METHOD)
    run_dir, draw = tmp_path / "killed", random.Random(1)
    for _ in range(3):
        victim = Victim(nursery, str(run_dir), 0.01, settings, METHOD)
        wait_for(lambda: (run_dir / "metrics.jsonl").exists())
        time.sleep(draw.random() * 0.4)
        victim.kill()
        assert_whole(run_dir)
    _, toy = train_toy(run_dir, train=settings, method=METHOD, resume=True)
    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in toy.state_dict().items())


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, training_toy.__file__, str(tmp_path), "SIGINT"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "signal")
    assert "stopped by SIGINT at step 8, saved; go on with --resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert checkpoint.listed(tmp_path)[0].name == "step_00000008.pt"
