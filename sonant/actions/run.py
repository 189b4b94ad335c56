"""A chain of commands from a recipe: what is done is skipped, what was interrupted goes on, what changed is remade."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Failure, SonantError, require
from ..version import __version__
from ._frozen import check_agrees, default_folder, frozen_config, kept_settings, write_frozen
from ._plan import Stage, choose, plan
from ._process import INTERRUPTED, Processes
from ._recipe import Recipe, Value, plain_text, read_recipe, settle, shipped_recipes
from ._stages import Verdict, WorkFolder

__all__ = ["Outcome", "Row", "preview", "read_recipe", "run_recipe", "shipped_recipes"]

Say = Callable[[str], None]


@dataclass
class Row:
    """How one stage stands or went.

    Attributes:
        state: ``done`` (before), ``to do``, ``begun``, ``left out``, ``not chosen``; after a run also ``ran``,
            ``failed``, ``interrupted``, ``not reached``.
        why: the reason, for people.
        seconds: how long it took, interrupted tries that ended in order included; None: it did not run.
    """

    stage: str
    state: str
    why: str = ""
    seconds: float | None = None
    command: str = ""
    about: str = ""


@dataclass
class Outcome:
    """What a run did, or what one would do.

    Attributes:
        code: 0; the exit code of a stage that failed; 130 when it was interrupted.
        message: what went wrong and what to do, empty when nothing did.
        results: the lines of all ``results.jsonl`` that the eval stages have written.
    """

    recipe: str
    folder: str
    settings: dict[str, str | None]
    rows: list[Row] = field(default_factory=list)
    code: int = 0
    message: str = ""
    results: list[Any] = field(default_factory=list)


def run_recipe(
    recipe: str | Path | Recipe,
    settings: Sequence[tuple[str, str]] = (),
    *,
    folder: str | Path | None = None,
    only: Sequence[str] = (),
    start: str | None = None,
    until: str | None = None,
    force: bool = False,
    stdout: int | None = None,
    say: Say = lambda line: None,
) -> Outcome:
    """Run the stages of a recipe that are not done yet.

    A stage is done when it was finished by the same command, from inputs that are as they were, and all that it made
    is still there. A stage that was interrupted goes on where it was, if its recipe says how. What an older command
    had made is set aside in ``earlier``, never overwritten.

    Args:
        recipe: shipped name, YAML file, or what ``read_recipe`` returns.
        settings: pairs of name and text.
        folder: where the stages work; None: as the recipe says, else ``runs/<recipe>``. Where the recipe freezes a
            configuration, that of the folder's first use counts, and settings that contradict it are refused.
        only, start, until: names of stages to keep to; what the others made is used as it is.
        force: run the chosen stages anew though they are done.
        stdout: file descriptor for the standard output of the stages; None: our own.
        say: told what happens, a line at a time.

    Raises:
        SonantError: an unknown setting or stage, a missing input, a folder in use or of another recipe.
        Failure: a command ended well without making what the recipe says.
    """
    recipe, values, stages, work = _opened(recipe, settings, folder)
    chosen = choose(stages, only=only, start=start, until=until)
    outcome = _outcome(recipe, values, work)
    frozen = (work.frozen() or frozen_config(recipe, values)) if recipe.freeze else None
    with work.locked() as lock, Processes(lock=lock, stdout=stdout) as processes:
        work.claim(recipe.name, {name: plain_text(value.compared) for name, value in values.items() if value}, frozen)
        if frozen is not None:
            write_frozen(work, frozen)
        for number, stage in enumerate(stages):
            head = f"[{number + 1}/{len(stages)}] {stage.name}"
            row = Row(stage.name, "not reached", command=_line(work, stage), about=stage.about)
            outcome.rows.append(row)
            if stage.left_out:
                row.state, row.why = "left out", stage.left_out
            elif stage not in chosen:
                row.state = "not chosen"
            elif not outcome.code:
                _check_ready(stage, stages[:number], chosen, work, say)
                tell = functools.partial(_tell, say, head)
                code = _one(stage, stages[:number], work, processes, force=force, row=row, say=tell)
                _conclude(outcome, row, code, stopped=processes.stopped is not None, force=force)
    outcome.results = _results(stages, work)
    return outcome


def preview(
    recipe: str | Path | Recipe,
    settings: Sequence[tuple[str, str]] = (),
    *,
    folder: str | Path | None = None,
    only: Sequence[str] = (),
    start: str | None = None,
    until: str | None = None,
    force: bool = False,
    lenient: bool = False,
) -> Outcome:
    """How the stages stand and what ``run_recipe`` would do; nothing is written.

    Args:
        lenient: required settings may be missing; those of the last run in the folder stand in for them.
    """
    recipe, values, stages, work = _opened(recipe, settings, folder, lenient=lenient)
    chosen = choose(stages, only=only, start=start, until=until)
    outcome = _outcome(recipe, values, work)
    remade: dict[str, str] = {}
    for number, stage in enumerate(stages):
        row = Row(stage.name, "not chosen", command=_line(work, stage), about=stage.about)
        outcome.rows.append(row)
        if stage.left_out or stage.problem:
            row.state, row.why = "left out" if stage.left_out else "to do", stage.left_out or stage.problem or ""
        elif stage in chosen:
            _foresee(row, stage, work, work.judge(stage, stages[:number]), remade, force=force)
            if row.state != "done":
                remade |= dict.fromkeys(stage.outs, stage.name)
    outcome.results = _results(stages, work)
    return outcome


def _opened(
    recipe: str | Path | Recipe,
    settings: Sequence[tuple[str, str]],
    folder: str | Path | None,
    *,
    lenient: bool = False,
) -> tuple[Recipe, dict[str, Value | None], list[Stage], WorkFolder]:
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    place = Path(folder) if folder is not None else default_folder(recipe, settings, lenient=lenient)
    work = WorkFolder(_spelt(place))
    before = work.check(recipe.name)
    kept = kept_settings(recipe, work, before)
    if kept:
        check_agrees(recipe, work, settings, kept)
    if lenient or kept:
        settings = [*((name, text) for name, text in before.items() if name in recipe.settings), *settings]
    values = settle(recipe, settings, lenient=lenient, kept=kept)
    return recipe, values, plan(recipe, values, lenient=lenient), work


def _spelt(folder: Path) -> Path:
    """A folder beneath the present one by its relative path, so that every spelling gives the same commands."""
    whole, here = Path(os.path.abspath(folder)), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) and whole != here else whole


def _outcome(recipe: Recipe, values: dict[str, Value | None], work: WorkFolder) -> Outcome:
    texts = {name: None if value is None else plain_text(value.given) for name, value in values.items()}
    return Outcome(recipe.name, str(work.path), texts)


def _line(work: WorkFolder, stage: Stage) -> str:
    return shlex.join(["sonant", *work.text(stage.words)]) if stage.words else ""


def _check_ready(stage: Stage, before: Sequence[Stage], chosen: Sequence[Stage], work: WorkFolder, say: Say) -> None:
    """What the stages that are not chosen made must be there; say so when it is out of date."""
    for number, other in enumerate(before):
        if other in chosen or other.left_out or not set(other.outs) & set(stage.reads):
            continue
        ready = (work.record(other) or {}).get("state") == "done" and all(work.outputs(other).values())
        require(
            ready,
            f"the stage '{stage.name}' reads what '{other.name}' makes, and that is not done: run it first, or leave "
            "out --only and --from",
        )
        verdict = work.judge(other, before[:number])
        if verdict.state != "done":
            say(f"warning: '{other.name}' is out of date ({verdict.why}) and is used as it is")


def _tell(say: Say, head: str, line: str) -> None:
    say(f"{head}: {line}")


def _one(
    stage: Stage, before: Sequence[Stage], work: WorkFolder, processes: Processes, *, force: bool, row: Row, say: Say
) -> int:
    """Judge one stage, run it when it must, fill in its row; returns its exit code."""
    verdict = work.judge(stage, before)
    known = work.record(stage) or {}
    if verdict.state == "done" and not force:
        row.state, row.seconds = "done", known.get("seconds")
        say("done before")
        return 0
    for name, found in verdict.inputs.items():
        require(found is not None, f"the stage '{stage.name}' reads {name.removeprefix('{dir}/')}, which is not there")
    row.why = verdict.why or "forced"
    resumed = verdict.state == "begun" and stage.resume is not None and not force
    _check_place(stage, known, work, resumed)
    say(f"{row.why}{'; going on' if resumed else ''}")
    with processes.at_work():
        if not resumed:
            aside = work.make_room(stage, leftovers=verdict.state == "begun" and not force)
            if aside is not None:
                say(f"what it made before is set aside in {aside}")
        return _perform(stage, verdict, work, processes, known=known if resumed else {}, row=row)


def _check_place(stage: Stage, known: dict[str, Any], work: WorkFolder, resumed: bool) -> None:
    """A stage goes on only with the same paths in its command, or the tools would take them for another task."""
    if resumed and known.get("folder") != str(work.path):
        raise SonantError(
            f"the stage '{stage.name}' was interrupted when the work folder was '{known.get('folder')}' as seen from "
            f"'{known.get('cwd')}', now it is '{work.path}': go on from there, or begin it anew with --force"
        )


def _perform(
    stage: Stage, verdict: Verdict, work: WorkFolder, processes: Processes, *, known: dict[str, Any], row: Row
) -> int:
    """Start a stage, wait for its end, note how it went; returns its exit code."""
    record = {
        "stage": stage.name,
        "state": "begun",
        "command": list(stage.compared),
        "inputs": verdict.inputs,
        "folder": str(work.path),
        "cwd": str(Path.cwd()),
        "version": __version__,
        "begun": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "starts": known.get("starts", 0) + 1,
        "seconds": known.get("seconds", 0.0),
    }
    work.note(stage, record)
    clock = time.monotonic()
    words = [*stage.words, *(stage.resume or ())] if known else stage.words
    code = processes.run(work.text(words))
    record["seconds"] = row.seconds = round(record["seconds"] + time.monotonic() - clock, 3)
    if code:
        row.state = "interrupted" if processes.stopped or code == INTERRUPTED else "failed"
        row.why = _ending(code)
        with contextlib.suppress(OSError):  # a full disk has been told by the stage already
            work.note(stage, record)
        return code
    made = work.outputs(stage)
    missing = [out for out, found in made.items() if found is None]
    if missing:
        raise Failure(f"the stage '{stage.name}' ended well but {', '.join(missing)} is not there; mend its recipe")
    work.note(stage, {**record, "state": "done", "outputs": made, "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z")})
    row.state = "ran"
    return 0


def _ending(code: int) -> str:
    if code <= 128:
        return f"exit code {code}"
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return f"exit code {code}"
    return f"ended by {name}" + (" (is memory full?)" if name == "SIGKILL" else "")


def _conclude(outcome: Outcome, row: Row, code: int, *, stopped: bool, force: bool) -> None:
    """After a stage: whether the run goes on, and if not, what the user is told."""
    how = "run the same command without --force" if force else "run the same command again"
    again = f"what is finished is kept; {how} to go on"
    if row.state == "interrupted" or stopped:
        where = "in" if row.state == "interrupted" else "after"
        outcome.code, outcome.message = INTERRUPTED, f"interrupted {where} the stage '{row.stage}'; {again}"
    elif row.state == "failed":
        outcome.code = code
        outcome.message = f"the stage '{row.stage}' failed ({row.why}; it says above why): put that right; {again}"


def _foresee(
    row: Row, stage: Stage, work: WorkFolder, verdict: Verdict, remade: dict[str, str], *, force: bool
) -> None:
    known = work.record(stage) or {}
    row.state, row.why, row.seconds = verdict.state, verdict.why, known.get("seconds")
    makers = dict.fromkeys(remade[out] for out in stage.reads if out in remade)
    if makers and verdict.state != "begun" and known:
        row.state, row.why = "to do", f"reads what {', '.join(makers)} makes anew"
    elif makers and verdict.state == "begun":
        row.state, row.why = "to do", f"not finished before; reads what {', '.join(makers)} makes anew"
    if force and row.state == "done":
        row.state, row.why = "to do", "forced"


def _results(stages: Sequence[Stage], work: WorkFolder) -> list[Any]:
    """The scores that finished eval stages have left."""
    from ..reports.results import read_results

    found = []
    for stage in stages:
        if stage.left_out or stage.words[:1] != ("eval",) or (work.record(stage) or {}).get("state") != "done":
            continue
        files = [work.place(out) if out.endswith(".jsonl") else work.place(out) / "results.jsonl" for out in stage.outs]
        found += read_results([file for file in files if file.is_file()])
    return found
