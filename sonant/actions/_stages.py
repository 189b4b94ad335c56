"""The work folder of a recipe: what its stages have made, and whether that is still right.

DIR/run.json           the recipe, the settings of the last run and the frozen configuration, where there is one
DIR/config.yaml        the frozen configuration, as the stages read it
DIR/stages/NAME.json   one stage: its command and the fingerprints of what it read and made
DIR/stages/lock        held while a run is going on
DIR/earlier/NAME-1     what a stage had made before it was run anew
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.errors import require
from ..core.files import write_json
from ..version import __version__
from ._fingerprint import Print, difference, fingerprint, of_config, still
from ._plan import Stage
from ._recipe import FROZEN

State = Literal["done", "to do", "begun", "left out"]
WAIT_S = 30.0  # for the processes of a run that was killed to be gone


@dataclass(frozen=True)
class Verdict:
    """How a stage stands.

    Attributes:
        state: ``begun`` was started and not finished, and would be run as it was then.
        why: what makes it so, for people.
        inputs: fingerprints of what it reads, as things are now.
    """

    state: State
    why: str
    inputs: dict[str, Print | None]


class WorkFolder:
    """The folder in which a recipe works.

    Args:
        path: the folder, as it shall stand in commands.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._elsewhere: dict[str, Print | None] = {}  # of what no stage makes; looked at once
        self._made: dict[str, dict[str, Print | None]] = {}  # of what a stage makes; looked at once after each run

    def place(self, name: str) -> Path:
        """The path of something that a stage makes."""
        return self.path / name

    def text(self, words: Sequence[str]) -> list[str]:
        """Words of a command with ``{dir}`` filled in."""
        return [word.replace("{dir}", str(self.path)) for word in words]

    # --- whose folder it is ---------------------------------------------------------------------------------

    def check(self, recipe: str) -> dict[str, str]:
        """The settings of the last run here, empty before the first. Refuses a folder that is not the recipe's."""
        file = self.path / "run.json"
        if not file.is_file():
            empty = not self.path.exists() or (self.path.is_dir() and not any(_visible(self.path)))
            require(empty, f"{self.path} is not empty and no folder of 'sonant run'; give another one with --dir")
            return {}
        known = _json(file)
        require(known is not None, f"{file} is damaged; give another folder with --dir, or delete that file")
        theirs = known.get("recipe")
        require(
            theirs == recipe,
            f"{self.path} is the work folder of the recipe '{theirs}', not of '{recipe}'; give another one with --dir",
        )
        return known.get("settings", {})

    def frozen(self) -> dict[str, Any] | None:
        """The configuration that the first use has frozen; None where there is none."""
        return (_json(self.path / "run.json") or {}).get("frozen")

    def claim(self, recipe: str, settings: Mapping[str, str], frozen: Mapping[str, Any] | None = None) -> None:
        """Note whose folder it is and the settings of this run, and sweep up after a run that was killed."""
        for leftover in [*self.path.glob(".*.part"), *(self.path / "stages").glob(".*.part")]:
            leftover.unlink()
        wanted = {"recipe": recipe, "settings": dict(settings), "version": __version__}
        wanted |= {} if frozen is None else {"frozen": frozen}
        if _json(self.path / "run.json") != wanted:
            write_json(self.path / "run.json", wanted)

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the folder for one run; yields the lock, an open file that the run's processes keep open too."""
        import fcntl

        place = self.path / "stages" / "lock"
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            end = time.monotonic() + WAIT_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                    require(
                        not _is_alive(owner) and time.monotonic() < end,
                        f"{self.path} is in use by another 'sonant run' (process {owner or 'unknown'}): wait until it "
                        "ends, or end it, or give another folder with --dir",
                    )
                    time.sleep(0.05)  # its owner is dead, and what it had started is about to end
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield handle
        finally:
            os.close(handle)

    # --- records --------------------------------------------------------------------------------------------

    def record(self, stage: Stage) -> dict[str, Any] | None:
        """What is noted of a stage, None before its first start."""
        return _json(self._record_file(stage))

    def note(self, stage: Stage, record: Mapping[str, Any]) -> None:
        """Keep the record of a stage."""
        self._made.pop(stage.name, None)
        write_json(self._record_file(stage), record)

    def outputs(self, stage: Stage) -> dict[str, Print | None]:
        """Fingerprints of what a stage makes, as things are."""
        if stage.name not in self._made:
            known = (self.record(stage) or {}).get("outputs", {})
            self._made[stage.name] = {
                out: still(self.place(out), known[out]) if known.get(out) else fingerprint(self.place(out))
                for out in stage.outs
            }
        return self._made[stage.name]

    def inputs(self, stage: Stage, before: Sequence[Stage]) -> dict[str, Print | None]:
        """Fingerprints of what a stage reads; what an earlier stage makes is missing until that stage is done."""
        made = {FROZEN: fingerprint(self.place(FROZEN))} if FROZEN in stage.reads else {}
        for other in before:
            if set(other.outs) & set(stage.reads) and not other.left_out:
                ready = (self.record(other) or {}).get("state") == "done"
                made |= self.outputs(other) if ready else {}
        found = {f"{{dir}}/{out}": made.get(out) for out in stage.reads}
        for source in stage.sources:
            if source not in self._elsewhere:
                self._elsewhere[source] = fingerprint(source, without=self.path)
            found[source] = self._elsewhere[source]
        return found | {f"configuration {name}": of_config(name) for name in stage.configs}

    def judge(self, stage: Stage, before: Sequence[Stage]) -> Verdict:
        """Whether a stage is done, and if not, why."""
        if stage.left_out:
            return Verdict("left out", stage.left_out, {})
        inputs = self.inputs(stage, before)
        record = self.record(stage)
        if record is None:
            return Verdict("to do", "not run yet", inputs)
        changed: list[str] = []
        if not stage.keep:
            changed = [f"settings changed: {line}" for line in command_changes(record["command"], stage.compared)]
            changed += _input_changes(record["inputs"], inputs)
        if record["state"] != "done":
            why = "; ".join(["not finished before", *changed])
            return Verdict("begun" if not changed else "to do", why, inputs)
        for out, now in self.outputs(stage).items():
            known = record["outputs"].get(out)
            if now is None or now != known:
                changed.append(f"output {difference(known, now)}: {out}")
        return Verdict("to do" if changed else "done", "; ".join(changed), inputs)

    # --- making room ----------------------------------------------------------------------------------------

    def make_room(self, stage: Stage, *, leftovers: bool) -> Path | None:
        """Take what a stage has made out of the way.

        Args:
            leftovers: it is the unfinished work of a try with the same settings: delete it. Else it is set aside.

        Returns:
            Where it was set aside; None when there was nothing or it was deleted.
        """
        self._made.pop(stage.name, None)
        there = [out for out in stage.outs if os.path.lexists(self.place(out))]
        if leftovers:
            for out in there:
                _delete(self.place(out))
            return None
        record = self._record_file(stage)
        if not there:
            record.unlink(missing_ok=True)
            return None
        aside = self._free_place(stage.name)
        aside.mkdir(parents=True)
        if record.is_file():  # first, so that nobody takes what is left for the work of a finished stage
            os.replace(record, aside / "stage.json")
        for out in there:
            (aside / out).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.place(out), aside / out)
        return aside

    def _free_place(self, name: str) -> Path:
        number = 1
        while (place := self.path / "earlier" / f"{name}-{number}").exists():
            number += 1
        return place

    def _record_file(self, stage: Stage) -> Path:
        return self.path / "stages" / f"{stage.name}.json"


def command_changes(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """``["--train.steps 100 -> 200"]``: how two commands differ, option by option."""
    old, new = _options(before), _options(now)
    lines = []
    for name in dict.fromkeys([*old, *new]):
        then, today = old.get(name), new.get(name)
        if then == today:
            continue
        if then and today and len(then) == len(today):
            pairs = [(a, b) for a, b in zip(then, today, strict=True) if a != b]
            then, today = [a for a, _ in pairs], [b for _, b in pairs]
        lines.append(f"{name} {_spell(then)} -> {_spell(today)}".strip())
    return lines or ([] if list(before) == list(now) else ["the order of the words of the command"])


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Option -> its values; the words before the first option are under an empty name."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.setdefault(name, []).extend([value] if equals else [])
        else:
            found.setdefault(name, []).append(word)
    return found


def _spell(values: Sequence[str] | None) -> str:
    return "not given" if values is None else " ".join(values) or "given"


def _input_changes(before: Mapping[str, Print | None], now: Mapping[str, Print | None]) -> list[str]:
    return [
        f"input {difference(before.get(name), now[name])}: {name.removeprefix('{dir}/')}"
        for name in now
        if before.get(name) != now[name]
    ]


def _json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
