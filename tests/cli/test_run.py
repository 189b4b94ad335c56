"""``sonant run`` as a user types it, on real commands."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import time
from pathlib import Path

import pytest
import yaml

from sonant.cli.main import main

from .conftest import SMALL

CHAIN = {
    "about": "train, evaluate, extract",
    "settings": {
        "corpus": {"is": "path", "about": "a manifest"},
        "audio": {"is": "path", "about": "its audio"},
        "items": {"is": "path", "about": "an item file"},
        "options": {"default": [], "about": "of the training"},
    },
    "stages": [
        {
            "name": "train",
            "run": ["train cpc-laptop --data.train {corpus} --run {dir}/run", "{options}"],
            "out": "run",
            "resume": "--resume",
        },
        {
            "name": "evaluate",
            "run": "eval abx --model {dir}/run --items {items} --audio {audio} --speaker across --context within "
            "--distance angular --max-group-size none --slicing fastabx --results {dir}/scores.jsonl",
            "out": "scores.jsonl",
        },
        {"name": "extract", "run": "extract {dir}/run {corpus} {dir}/frames", "out": "frames", "resume": True},
    ],
}


@pytest.fixture
def settings(tmp_path, corpus, audio, monkeypatch) -> dict[str, str]:
    """Of a small chain, whose recipe lies in ``chain.yaml``."""
    rows = ["#file onset offset #phone prev-phone next-phone speaker"]
    for speaker in "abc":
        for number in range(4):
            phone = "xy"[number % 2]
            rows += [f"{speaker}{number} {t:.2f} {t + 0.2:.2f} {phone} p n {speaker}" for t in (0.1, 0.4)]
    (tmp_path / "test.item").write_text("\n".join(rows) + "\n")
    (tmp_path / "chain.yaml").write_text(yaml.safe_dump(CHAIN, sort_keys=False))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as here: the number of threads decides the last bits
    options = f"{shlex.join(SMALL)} --train.steps 40 --train.checkpoint_every 2 --train.valid_every 20"
    return {"corpus": str(corpus), "audio": str(audio), "items": str(tmp_path / "test.item"), "options": options}


def one_by_one(folder: Path, settings: dict[str, str]) -> None:
    """The commands of the chain without ``sonant run``."""
    for stage in CHAIN["stages"]:
        lines = stage["run"] if isinstance(stage["run"], list) else [stage["run"]]
        words = shlex.split(" ".join(lines).format(dir=folder, **settings))
        assert main(words) == 0


def interrupt(words: list[str], until: Path, *, number: int, group: bool) -> int:
    """Run in a process of its own and send it a signal once there is such a file; returns how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1), os.dup2(null, 2)
            code = main(words)
        finally:
            os._exit(code)
    end = time.monotonic() + 120
    while not list(until.parent.glob(until.name)) and time.monotonic() < end:
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def made(folder: Path) -> dict:
    """What counts of what a chain has made: weights, frames, figures."""
    score = json.loads((folder / "scores.jsonl").read_text())
    files = [*(folder / "frames").rglob("*.npy"), folder / "run" / "model" / "model.safetensors"]
    return {"figure": score["figure"], **{str(file.relative_to(folder)): file.read_bytes() for file in files}}


def test_interrupted_in_each_stage_the_chain_ends_as_if_never(settings, tmp_path, capfd):
    one_by_one(tmp_path / "whole", settings)
    whole = made(tmp_path / "whole")
    folder = tmp_path / "work"
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = ["run", str(tmp_path / "chain.yaml"), "--dir", str(folder), *given]
    checkpoints = folder / "run" / "checkpoints"
    assert interrupt(words, checkpoints / "step_*", number=signal.SIGKILL, group=True) == -signal.SIGKILL
    assert not (folder / "scores.jsonl").exists()
    assert interrupt(words, checkpoints / "step_0000001*", number=signal.SIGINT, group=False) == 130
    reached = max(checkpoints.glob("step_*"))
    trained = folder / "run" / "model" / "model.safetensors"
    assert interrupt(words, folder / "stages" / "evaluate.json", number=signal.SIGINT, group=True) == 130
    before = trained.stat().st_mtime_ns
    assert reached.name < "step_00000040.pt"
    assert interrupt(words, folder / "frames" / "*.npy", number=signal.SIGKILL, group=False) == -signal.SIGKILL
    scored = (folder / "scores.jsonl").stat().st_mtime_ns
    capfd.readouterr()
    assert main([*words, "--json", "-"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [stage["state"] for stage in told["stages"]] == ["done", "done", "ran"]
    assert (trained.stat().st_mtime_ns, (folder / "scores.jsonl").stat().st_mtime_ns) == (before, scored)
    assert len((folder / "scores.jsonl").read_text().splitlines()) == 1
    assert made(folder) == whole
    assert told["results"][0]["figure"] == whole["figure"]


def test_list(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--list"]) == 0
    assert "cpc " in capsys.readouterr().out
    for words in (["run", "cpc", "--list"], ["run", "--list", "cpc"]):
        assert main(words) == 0
        shown = capsys.readouterr().out
        assert "items is not given" in shown
        assert "cpc-laptop" in shown
    assert not list(tmp_path.iterdir())


def test_dry_run_tells_the_commands(audio, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "cpc", "--audio", str(audio), "--dry-run", "--json", "-", "--until", "train"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert stages[0]["command"] == f"sonant prepare folder {audio} runs/cpc/corpus"
    assert [stage["state"] for stage in stages] == [*["to do"] * 2, "not chosen", *["left out"] * 3, "not chosen"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["cpcc"], "Did you mean 'cpc'?"),
        (["cpc", "--audoi", "x"], "Did you mean 'audio'?"),
        (["cpc", "--set", "sed=1"], "Did you mean 'seed'?"),
        (["cpc", "--set", "seed"], "--set needs NAME=VALUE"),
        (["cpc"], "needs the setting 'audio'"),
        (["cpc", "--audio", "nowhere"], "no file or folder 'nowhere'"),
        (["cpc", "--audio", ".", "--only", "trian"], "Did you mean 'train'?"),
        (["cpc", "--audio", ".", "--dir", "."], "no folder of 'sonant run'"),
        (["mine.yaml"], "unknown command in the stage 'x' of mine.yaml: 'trian'. Did you mean 'train'?"),
        (["--only", "train"], "say which recipe"),
    ],
)
def test_a_wrong_word_names_the_nearest(words, answer, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("stages: [{name: x, run: trian cpc, out: x}]")
    assert main(["run", *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sonant: ")]
    assert len(lines) == 1
    assert answer in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_failing_stage_passes_its_code_on(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("stages: [{name: x, run: info mfc, out: x}]")
    assert main(["run", "mine.yaml"]) == 2
    err = capfd.readouterr().err
    assert "Did you mean 'mfcc'?" in err
    assert "the stage 'x' failed (exit code 2; it says above why)" in err
    assert "Traceback" not in err


def test_brackets_are_shown_as_they_are(audio, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["run", "cpc", "--audio", str(audio), "--set", "options=--x [a-z] :pig:", "--dry-run", "--only", "train"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "[a-z]" in shown
    assert ":pig:" in shown
