"""A generated corpus on its way: finished parts are kept, and nothing looks whole before all of it is.

``OUT/.parts/plan.json`` says what is being made, ``OUT/.parts/<part>.json`` what one fresh process has made.
``OUT/synth.json`` comes last; with it the corpus is whole, and the parts are removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from ..core import require
from ..core.files import write_json

SUMMARY = "synth.json"
FORMAT = 1  # raise it when the same settings begin to give other samples


class Store:
    """The folder of a corpus with the parts that are done.

    Args:
        out: the folder of the corpus.
        plan: all that decides about its samples; JSON values.

    Raises:
        SonantError: the folder holds something else.
    """

    def __init__(self, out: str | Path, plan: dict):
        self.out = Path(out)
        self.parts = self.out / ".parts"
        self.plan = json.loads(json.dumps({"format": FORMAT, **plan}))
        finished = self._json(self.out / SUMMARY)
        self.whole = finished is not None
        begun = finished["plan"] if finished else self._json(self.parts / "plan.json")
        if begun is None:
            empty = not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir()))
            require(empty or self._only_parts(), f"{self.out} is not empty; give a new folder for the generated corpus")
            write_json(self.parts / "plan.json", self.plan)
            return
        mine, theirs = _flat(self.plan), _flat(begun)
        other = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
        require(
            not other,
            f"{self.out} holds {'a' if self.whole else 'an unfinished'} generated corpus of other settings "
            f"(they differ in: {', '.join(other)}); give another folder, or remove it",
        )

    def missing(self, names: list[str]) -> list[str]:
        """Those of the parts that are not done yet."""
        return [name for name in names if not self.part_file(name).is_file()]

    def part_file(self, name: str) -> Path:
        return self.parts / f"{name}.json"

    def part(self, name: str) -> Any:
        """What the process of a part left."""
        return json.loads(self.part_file(name).read_text())

    def finish(self, summary: dict) -> None:
        """Declare the corpus whole."""
        write_json(self.out / SUMMARY, {"plan": self.plan, **summary})
        shutil.rmtree(self.parts, ignore_errors=True)

    def _only_parts(self) -> bool:
        """Whether a first start was interrupted before its plan was written."""
        return [path.name for path in self.out.iterdir()] == [self.parts.name]

    @staticmethod
    def _json(path: Path) -> Any:
        return json.loads(path.read_text()) if path.is_file() else None


def _flat(plan: dict) -> dict:
    """The plan with the fields of its config beside the rest."""
    return {**plan, **plan["config"], "config": None}


def checksum(parts: list[str]) -> str:
    """One checksum of many, in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
