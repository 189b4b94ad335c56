"""A toy in place of sonant's commands, so that chains run in tenths of a second."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
import yaml

import sonant
from sonant.actions import _process
from sonant.actions.run import Outcome, preview, run_recipe


class Toy:
    """A recipe of toy commands and a place for its folders."""

    def __init__(self, place: Path):
        self.place, self.log, self.said = place, place / "log", []
        self.recipe = place / "toy.yaml"
        self.work = place / "work"
        self.source = place / "source.txt"
        self.source.write_text("one\n")
        self.write(CHAIN)

    def write(self, recipe: dict | str) -> Path:
        self.recipe.write_text(recipe if isinstance(recipe, str) else yaml.safe_dump(recipe, sort_keys=False))
        return self.recipe

    def options(self, settings: dict, options: dict) -> dict:
        given = {"source": self.source, **settings} if "source:" in self.recipe.read_text() else settings
        pairs = [(name, str(value)) for name, value in given.items()]
        return {"recipe": self.recipe, "settings": pairs, "folder": self.work, **options}

    def run(self, *, settings: dict | None = None, **options) -> Outcome:
        return run_recipe(**self.options(settings or {}, options), say=self.said.append)

    def preview(self, *, settings: dict | None = None, **options) -> Outcome:
        return preview(**self.options(settings or {}, options))

    def start(self, **options) -> int:
        """Run in a process and a session of its own; returns its id."""
        pid = os.fork()
        if pid:
            return pid
        code = 99
        try:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with contextlib.suppress(KeyboardInterrupt):
                code = 130
                code = self.run(**options).code
        finally:
            os._exit(code)

    def made(self) -> dict[str, str]:
        """All that the stages have made, by path."""
        hidden = ("stages", "earlier", "run.json")
        files = [file for file in sorted(self.work.rglob("*")) if file.is_file()]
        names = [file.relative_to(self.work) for file in files]
        return {str(n): (self.work / n).read_text() for n in names if n.parts[0] not in hidden}

    def worked(self) -> list[str]:
        """The stages' outputs in the order in which they were worked on since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return list(dict.fromkeys(line.split()[0] for line in lines))


CHAIN = {
    "about": "toy",
    "settings": {
        "source": {"is": "path", "about": "a file"},
        "text": {"default": "t", "about": "goes into b"},
        "last": {"default": "l", "about": "goes into d"},
        "pause": {"default": 0, "about": "seconds a file"},
    },
    "stages": [
        {"name": "a", "run": "make {dir}/a --reads {source} --pause {pause}", "out": "a", "resume": "--resume"},
        {"name": "b", "run": "make {dir}/b --text {text} --reads {dir}/a --pause {pause}", "out": "b"},
        {"name": "c", "run": "make {dir}/c --reads {dir}/a --pause {pause} --resume", "out": "c", "resume": True},
        {"name": "d", "run": "make {dir}/d --text {last} --reads {dir}/b {dir}/c --pause {pause}", "out": "d"},
    ],
}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Toy:
    monkeypatch.setattr(_process, "CHILD", Path(__file__).with_name("run_toy.py"))
    monkeypatch.setenv("TOY_PACKAGE", str(Path(sonant.__file__).parents[1]))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    return Toy(tmp_path)
