"""Chains of toy commands: what is run, what is not, and what interruptions leave."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import time

import pytest

from sonant.actions import _stages
from sonant.core import Failure, SonantError


def states(outcome) -> dict[str, str]:
    return {row.stage: row.state for row in outcome.rows}


def why(outcome, stage: str) -> str:
    return next(row.why for row in outcome.rows if row.stage == stage)


def times(toy) -> dict[str, int]:
    return {name: (toy.work / name).stat().st_mtime_ns for name in toy.made()}


def wait_for(condition, seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


# --- what runs ----------------------------------------------------------------------------------------------


def test_all_stages_once_and_then_none(toy):
    outcome = toy.run()
    assert outcome.code == 0
    assert set(states(outcome).values()) == {"ran"}
    assert toy.worked() == ["a", "b", "c", "d"]
    before = times(toy)
    assert set(states(toy.run()).values()) == {"done"}
    assert toy.worked() == []
    assert times(toy) == before


@pytest.mark.parametrize(
    ("settings", "again", "reason"),
    [
        ({"text": "u"}, ["b", "d"], "settings changed: --text t -> u"),
        ({"last": "m"}, ["d"], "settings changed: --text l -> m"),
        ({"pause": 0.001}, ["a", "b", "c", "d"], "settings changed: --pause 0 -> 0.001"),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it(toy, settings, again, reason):
    toy.run()
    toy.worked()
    foreseen = toy.preview(settings=settings)
    assert [row.stage for row in foreseen.rows if row.state == "to do"] == again
    outcome = toy.run(settings=settings)
    assert [row.stage for row in outcome.rows if row.state == "ran"] == again == toy.worked()
    assert why(outcome, again[0]) == reason
    aside = toy.work / "earlier" / f"{again[0]}-1"
    assert (aside / again[0] / "0.txt").is_file()
    assert json.loads((aside / "stage.json").read_text())["state"] == "done"


def test_a_changed_input_reruns_what_depends_on_it(toy):
    toy.run()
    toy.worked()
    os.utime(toy.source, (1, 1))  # a small file counts by its content
    assert set(states(toy.run()).values()) == {"done"}
    toy.source.write_text("two\n")
    outcome = toy.run()
    assert toy.worked() == ["a", "b", "c", "d"]
    assert why(outcome, "a") == f"input changed: {toy.source}"
    assert why(outcome, "d") == "input changed: b; input changed: c"


def test_a_file_added_to_a_folder_that_is_read_counts(toy):
    folder = toy.place / "recordings"
    folder.mkdir()
    (folder / "1.wav").write_text("1")
    toy.run(settings={"source": folder})
    (folder / "2.wav").write_text("2")
    assert why(toy.run(settings={"source": folder}), "a") == f"input changed (1 files, now 2): {folder}"


def test_the_work_folder_is_no_part_of_what_is_read(toy):
    toy.work = toy.place / "recordings" / "work"
    toy.work.mkdir(parents=True)
    (toy.work.parent / "1.wav").write_text("1")
    toy.run(settings={"source": toy.work.parent}, until="a")
    assert states(toy.run(settings={"source": toy.work.parent}, until="a"))["a"] == "done"


def test_a_changed_configuration_reruns_what_reads_it(toy):
    (toy.place / "mine.yaml").write_text("optim: {lr: 1}\n")
    toy.write(
        "settings: {config: {is: config, about: x}}\nstages: [{name: a, run: 'make {dir}/a --text {config}', out: a}]"
    )
    settings = {"config": toy.place / "mine.yaml"}
    toy.run(settings=settings)
    assert states(toy.run(settings=settings)) == {"a": "done"}
    (toy.place / "mine.yaml").write_text("optim: {lr: 2}\n")
    assert why(toy.run(settings=settings), "a") == f"input changed: configuration {toy.place / 'mine.yaml'}"


def test_a_file_missing_from_what_was_made_reruns_the_stage(toy):
    toy.run()
    made = toy.made()
    toy.worked()
    (toy.work / "b" / "1.txt").unlink()
    outcome = toy.run()
    assert toy.worked() == ["b", "d"]
    assert why(outcome, "b") == "output changed (3 files, now 2): b"
    assert toy.made() == made
    for file in (toy.work / "c").iterdir():
        file.unlink()
    assert why(toy.run(), "c") == "output missing: c"


def test_a_file_added_to_what_was_made_changes_nothing(toy):
    toy.run()
    (toy.work / "a" / "results.jsonl").write_text("{}\n")
    assert set(states(toy.run()).values()) == {"done"}


def test_a_stage_added_to_a_recipe_runs_alone(toy):
    toy.run()
    toy.worked()
    text = toy.recipe.read_text() + "- {name: e, run: 'make {dir}/e --reads {dir}/d', out: e}\n"
    toy.write(text)
    assert states(toy.run()) == {"a": "done", "b": "done", "c": "done", "d": "done", "e": "ran"}


def test_the_folder_may_move(toy):
    toy.run()
    toy.work = toy.work.rename(toy.place / "elsewhere")
    assert set(states(toy.run()).values()) == {"done"}


# --- choosing -----------------------------------------------------------------------------------------------


def test_only_from_and_until(toy):
    assert states(toy.run(until="b")) == {"a": "ran", "b": "ran", "c": "not chosen", "d": "not chosen"}
    with pytest.raises(SonantError, match="'d' reads what 'c' makes, and that is not done"):
        toy.run(only=["d"])
    toy.worked()
    assert states(toy.run(start="c")) == {"a": "not chosen", "b": "not chosen", "c": "ran", "d": "ran"}
    assert toy.worked() == ["c", "d"]
    assert states(toy.run(only=["b", "c"])) == {"a": "not chosen", "b": "done", "c": "done", "d": "not chosen"}
    with pytest.raises(SonantError, match="begins after"):
        toy.run(start="c", until="a")


def test_force_makes_anew_what_is_chosen(toy):
    toy.run()
    made = toy.made()
    toy.worked()
    assert [row.state for row in toy.preview(only=["b"], force=True).rows] == [
        "not chosen",
        "to do",
        *["not chosen"] * 2,
    ]
    toy.run(only=["b"], force=True)
    assert toy.worked() == ["b"]
    assert toy.made() == made
    assert states(toy.run()) == {"a": "done", "b": "done", "c": "done", "d": "ran"}


def test_what_is_out_of_date_and_not_chosen_is_told(toy):
    toy.run()
    toy.said.clear()
    toy.run(settings={"text": "u"}, only=["d"])
    warning = next(line for line in toy.said if "warning" in line)
    assert "'b' is out of date (settings changed: --text t -> u)" in warning


def test_a_preview_writes_nothing(toy):
    outcome = toy.preview()
    assert [row.why for row in outcome.rows] == ["not run yet"] * 4
    assert outcome.rows[0].command == f"sonant make {toy.work}/a --reads {toy.source} --pause 0"
    assert not toy.work.exists()
    toy.run(until="a")
    before = times(toy)
    toy.preview(force=True)
    assert times(toy) == before


def test_a_preview_remembers_the_settings_of_the_last_run(toy):
    toy.run(settings={"text": "remembered"})
    toy.source = None  # not given now
    outcome = toy.preview(settings={"source": "null"}, lenient=True)
    assert outcome.settings["text"] == "remembered"
    assert outcome.rows[0].state == "to do" and "needs the setting 'source'" in outcome.rows[0].why


# --- failures -----------------------------------------------------------------------------------------------


def test_a_failure_passes_its_code_on_and_the_same_command_goes_on(toy):
    recipe = toy.recipe.read_text().replace("make {dir}/c ", f"make {{dir}}/c --needs {toy.place}/ok ")
    toy.write(recipe)
    outcome = toy.run()
    assert outcome.code == 3
    assert states(outcome) == {"a": "ran", "b": "ran", "c": "failed", "d": "not reached"}
    assert "'c' failed (exit code 3" in outcome.message
    assert "run the same command again" in outcome.message
    assert "without --force" in toy.run(start="c", force=True).message
    (toy.place / "ok").touch()
    toy.worked()
    assert toy.run().code == 0
    assert toy.worked() == ["c", "d"]


def test_a_command_that_makes_nothing_is_told(toy):
    toy.write(toy.recipe.read_text().replace("make {dir}/b", "nothing {dir}/b"))
    with pytest.raises(Failure, match="'b' ended well but b is not there"):
        toy.run()


def test_a_full_disk_loses_nothing(toy, monkeypatch):
    write = _stages.write_json

    def full(path, value):
        if value.get("stage") == "b" and value["state"] == "done":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, value)

    monkeypatch.setattr(_stages, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        toy.run()
    monkeypatch.setattr(_stages, "write_json", write)
    toy.worked()
    assert toy.run().code == 0
    assert toy.worked() == ["b", "c", "d"]


def test_a_folder_of_something_else_is_refused(toy):
    toy.work.mkdir()
    (toy.work / "thesis.tex").write_text("mine")
    with pytest.raises(SonantError, match="no folder of 'sonant run'"):
        toy.run()
    assert [file.name for file in toy.work.iterdir()] == ["thesis.tex"]


def test_the_folder_of_another_recipe_is_refused(toy):
    toy.run()
    toy.recipe = toy.recipe.rename(toy.place / "other.yaml")
    with pytest.raises(SonantError, match="of the recipe 'toy', not of 'other'"):
        toy.run()


def test_what_was_there_already_is_set_aside_not_overwritten(toy):
    toy.run(until="a")
    (toy.work / "b").mkdir()
    (toy.work / "b" / "mine.txt").write_text("mine")
    toy.run()
    assert (toy.work / "earlier" / "b-1" / "b" / "mine.txt").read_text() == "mine"
    assert not (toy.work / "b" / "mine.txt").exists()


# --- interruptions ------------------------------------------------------------------------------------------

WAYS = {
    "kill the group": (os.killpg, signal.SIGKILL),
    "kill the runner": (os.kill, signal.SIGKILL),
    "ctrl-c": (os.killpg, signal.SIGINT),
    "terminate": (os.kill, signal.SIGTERM),
}


def record(toy, stage: str) -> dict:
    path = toy.work / "stages" / f"{stage}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def interrupt(toy, stage: str, way: str, *, files: int, after: float = 0.0) -> int:
    """Start, interrupt ``stage`` some seconds after it has made so many files; returns how the process ended."""
    send, number = WAYS[way]
    pid = toy.start(settings={"pause": 0.03})
    assert wait_for(
        lambda: record(toy, stage).get("state") == "begun" and len(list(toy.work.glob(f"{stage}/*.txt"))) >= files
    )
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        send(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("way", WAYS)
def test_interrupted_in_every_stage_it_ends_as_if_never(toy, way):
    toy.run(settings={"pause": 0.03})
    whole = toy.made()
    toy.worked()
    toy.work = toy.place / "interrupted"
    draw, before = random.Random(way), {}
    for stage in "abcd":
        code = interrupt(toy, stage, way, files=draw.randint(0, 2), after=draw.uniform(0, 0.03))
        assert code == (-signal.SIGKILL if "kill" in way else 130)
        assert all((toy.work / name).stat().st_mtime_ns == then for name, then in before.items())
        done = [name for name in "abcd" if record(toy, name).get("state") == "done"]
        before = {name: then for name, then in times(toy).items() if name[0] in done}
    outcome = toy.run(settings={"pause": 0.03})
    assert outcome.code == 0
    assert toy.made() == whole
    assert all((toy.work / name).stat().st_mtime_ns == then for name, then in before.items())
    assert not list(toy.work.rglob("*.part"))
    assert not (toy.work / "earlier").exists()


def test_a_stage_that_can_go_on_does_and_another_begins_anew(toy):
    for stage, lines in (("a", 3), ("b", 4)):  # of b the file that was there is made again
        pid = toy.start(settings={"pause": 0.2}, until=stage)
        assert wait_for((toy.work / stage / "0.txt").exists)
        os.kill(pid, signal.SIGINT)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
        assert toy.preview(settings={"pause": 0.2}).rows["ab".index(stage)].why == "not finished before"
        assert toy.run(settings={"pause": 0.2}, until=stage).code == 0
        log = toy.log.read_text().splitlines()
        assert len([line for line in log if line.startswith(stage)]) == lines


def test_an_interrupted_stage_with_other_settings_keeps_its_work_aside(toy):
    interrupt(toy, "a", "kill the group", files=1)
    assert toy.run(settings={"pause": 0}).code == 0
    assert json.loads((toy.work / "earlier" / "a-1" / "stage.json").read_text())["state"] == "begun"


def test_an_interrupted_stage_goes_on_only_under_the_same_paths(toy):
    interrupt(toy, "a", "kill the group", files=1)
    toy.work = toy.work.rename(toy.place / "elsewhere")
    with pytest.raises(SonantError, match="was interrupted when the work folder was"):
        toy.run(settings={"pause": 0.03})
    assert toy.run(settings={"pause": 0.03}, force=True).code == 0


def test_two_runs_in_one_folder(toy):
    pid = toy.start(settings={"pause": 0.3})
    assert wait_for(lambda: record(toy, "a").get("state") == "begun")
    with pytest.raises(SonantError, match=rf"in use by another 'sonant run' \(process {pid}\)"):
        toy.run()
    assert toy.preview(settings={"pause": 0.3}).rows[0].state == "begun"  # looking is allowed
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert toy.run().code == 0  # a lock whose owner is dead holds nobody up


def test_no_process_outlives_a_killed_runner(toy):
    pid = toy.start(settings={"pause": 0.2})
    assert wait_for((toy.work / "a" / "0.txt").exists)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    time.sleep(0.5)
    assert len(list((toy.work / "a").glob("*.txt"))) == 1
