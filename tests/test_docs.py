"""Every command and every line of Python in the documentation runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.actions.run import read_recipe
from sonant.build import resolve
from sonant.cli.main import main
from sonant.data.textgrid import write_textgrid

DOCS = Path(__file__).parents[1] / "docs"
SHORT = "--train.steps 2 --train.log_every 1 --data.batch_size 2 --data.workers 0 --data.short pad --train.device cpu"


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with ``my_recordings``, ``my_calls``, ``my_timings`` and ``my_phrases`` in it, as the pages assume."""
    rng = np.random.default_rng(0)
    for speaker in "ab":
        (tmp_path / "my_recordings" / speaker).mkdir(parents=True)
        for number in range(3):
            wave = 0.1 * rng.standard_normal(24000).astype(np.float32)
            soundfile.write(tmp_path / "my_recordings" / speaker / f"{speaker}{number}.flac", wave, 16000)
    for folder in ("my_timings", "my_calls"):
        (tmp_path / folder).mkdir()
    call_LC = 0.1 * rng.standard_normal((14 * 16000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "my_calls" / "call.flac", call_LC, 16000)
    (tmp_path / "my_timings" / "call.json").write_text("[[[0.0, 4.0], [9.0, 13.0]], [[4.5, 8.6], [11.0, 11.4]]]")
    (tmp_path / "my_phrases").mkdir()
    for length, words in (("short", ["are", "you", "a", "student"]), ("long", ["are", "you", "a", "student", "now"])):
        stem = str(tmp_path / "my_phrases" / f"student_{length}_female_A")
        spoken = [(word, 0.25 * i, 0.25 * (i + 1)) for i, word in enumerate(words)]
        soundfile.write(f"{stem}.wav", 0.1 * rng.standard_normal(4000 * len(words)).astype(np.float32), 16000)
        write_textgrid(f"{stem}.TextGrid", {"words": spoken, "phones": spoken}, 0.25 * len(words))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page, place):
    commands = [line for block in blocks(page, "bash") for line in block.splitlines() if line]
    assert commands, f"{page.name} has no worked command"
    if any("synth" in command for command in commands):
        pytest.importorskip("espeakng_loader", reason="the extra 'synth' is not installed")
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "sonant"
        if words[1] == "train":
            words += shlex.split(SHORT)
        if words[1] == "run" and not words[2].startswith("-"):
            words += ["--set", f"options={SHORT}"]
        assert main(words[1:]) == 0, command
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})
    for block in blocks(page, "yaml"):
        (place / "mine.yaml").write_text(block)
        (read_recipe if "stages:" in block else resolve)(place / "mine.yaml")
