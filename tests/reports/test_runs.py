import json

import pytest

from sonant.core import SonantError
from sonant.reports.runs import read_run, read_sources


def test_series_of_a_resumed_run_have_each_step_once(tmp_path):
    lines = [(1, 4.0, 1.0), (2, 3.0, 2.0), (2, 2.5, 1.5), (3, float("nan"), 2.5), (4, 2.0, 3.5)]
    text = "".join(json.dumps({"kind": "train", "step": s, "loss": x, "seconds": t}) + "\n" for s, x, t in lines)
    (tmp_path / "metrics.jsonl").write_text(text)
    run = read_run(tmp_path)
    steps, losses = run.series("train", "loss")
    assert (steps.tolist(), losses.tolist()) == ([1, 2, 4], [4.0, 2.5, 2.0])
    assert run.steps == 4
    assert run.wall_seconds == pytest.approx(1.0 + 1.0 + 1.0 + 1.0)


def test_whatever_is_broken_becomes_a_note(make_run):
    folder = make_run()
    with (folder / "metrics.jsonl").open("a") as stream:
        stream.write('[1]\n{"kind": "tr')
    (folder / "config.yaml").write_text("a: [1\n")
    (folder / "model" / "config.json").write_text("{")
    run = read_run(folder)
    assert run.steps == 200
    notes = "\n".join(run.notes)
    for words in ("2 lines of metrics.jsonl are not JSON", "config.yaml is broken", "config.json is broken"):
        assert words in notes


def test_facts_are_found_in_model_then_config(make_run):
    run = read_run(make_run())
    assert run.find("training.seed") == 3
    assert run.find("nothing.here", "train.steps") == 200
    assert run.find("data.train.deeper") is None
    assert run.chance == pytest.approx(4.8598, abs=1e-4)


def test_runs_of_one_name_are_told_apart(tmp_path, make_run):
    runs, results = read_sources([make_run("a/cpc"), make_run("b/cpc")])
    assert [run.name for run in runs] == ["a/cpc", "b/cpc"]
    assert len(results) == 6
    runs, _ = read_sources([runs[0].folder, runs[0].folder])
    assert [run.name for run in runs] == ["a/cpc", "a/cpc (2)"]


def test_a_score_without_model_is_of_the_run_that_holds_it(make_run):
    folder = make_run()
    (folder / "results.jsonl").write_text('{"task": "abx", "figure": 0.2}\n')
    _, results = read_sources([folder, folder / "results.jsonl"])
    assert [result.model for result in results] == ["cpc-small", ""]


def test_a_model_folder_is_a_run_without_curves(make_run):
    runs, _ = read_sources([make_run("mine") / "model"])
    assert runs[0].name == "mine"
    assert runs[0].metrics == []


def test_sources_that_hold_nothing_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for sources, told in (
        ([], "at least one"),
        ([tmp_path / "no"], "no such"),
        ([tmp_path / "empty"], "nothing to report"),
    ):
        with pytest.raises(SonantError, match=told):
            read_sources(sources)
