from __future__ import annotations

import json

import pytest
import yaml

from sonant.core import SonantError
from sonant.reports.experiments import differing, find_experiments, read_experiment


def experiment(folder, *, width: int = 4, seed: int = 0, results: dict | None = None, name: str = "csa"):
    """A folder as ``sonant run pretrain`` leaves it; ``results``: file -> lines."""
    config = {"about": f"w {width}", "context": {"name": name, "width": width}, "train": {"seed": seed, "steps": 9}}
    (folder / "run").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    lines = [
        {"kind": "train", "step": 5, "seconds": 2.0, "cpu_seconds": 1.0, "loss": 3.0},
        {"kind": "valid", "step": 5, "seconds": 2.5, "cpu_seconds": 1.5, "loss": 2.5 + seed},
        {"kind": "valid", "step": 9, "seconds": 4.0, "cpu_seconds": 3.5, "loss": 2.75 + seed},
    ]
    (folder / "run" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for file, several in (results or {}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(
            "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in several)
        )
    return folder


def test_experiments_are_found_in_order_with_their_costs(tmp_path):
    for version in (0, 2, 10):
        experiment(tmp_path / "exp" / "csa" / f"version_{version}")
    found = find_experiments([tmp_path / "exp"])
    assert [one.name for one in found] == ["csa/version_0", "csa/version_2", "csa/version_10"]
    assert found[0].costs == {"steps": 9, "seconds": 4.0, "cpu_seconds": 3.5, "valid_loss": 2.5}
    assert found[0].settings["context.width"] == 4
    assert len(find_experiments([tmp_path / "exp", tmp_path / "exp" / "csa" / "version_2"])) == 3


def test_results_are_found_anywhere_but_in_what_is_set_aside_and_broken_lines_are_named(tmp_path):
    line = {"task": "asr", "figure": {"wer": 0.5}}
    folder = experiment(
        tmp_path / "version_0",
        results={
            "scores/a.jsonl": [line, '{"task": "a'],
            "asr/scores/b.jsonl": [line],
            "run/results.jsonl": [line, {"task": "abx"}],
            "earlier/abx-1/scores/a.jsonl": [line],
            "corpus/recordings.jsonl": ["{}"],
        },
    )
    found = read_experiment(folder)
    assert len(found.results) == 3
    told = [note for note in found.notes if note.startswith("left out")]
    assert len(told) == 2
    assert "scores/a.jsonl, line 2: not JSON" in told[1] and "run/results.jsonl, line 2: it has no 'figure'" in told[0]


def test_a_plain_run_folder_and_one_with_results_alone_are_experiments(tmp_path):
    (tmp_path / "runs" / "bare").mkdir(parents=True)
    (tmp_path / "runs" / "bare" / "results.jsonl").write_text('{"task": "abx", "figure": 0.25}\n')
    experiment(tmp_path / "whole")
    (tmp_path / "whole" / "run").rename(tmp_path / "runs" / "plain")
    found = {one.name: one for one in find_experiments([tmp_path / "runs"])}
    assert found.keys() == {"bare", "plain"}
    assert found["bare"].results[0].figures == {"error": 0.25} and found["bare"].costs == {}
    assert found["plain"].costs["steps"] == 9


def test_a_broken_configuration_is_told(tmp_path):
    folder = experiment(tmp_path / "version_0")
    (folder / "config.yaml").write_text("a: [")
    found = read_experiment(folder)
    assert found.settings == {} and any("not valid YAML" in note for note in found.notes)


def test_what_differs_leaves_out_what_only_some_have_alike(tmp_path):
    one = experiment(tmp_path / "one" / "version_0", width=2)
    two = experiment(tmp_path / "one" / "version_1", width=8)
    other = experiment(tmp_path / "two" / "version_0", name="gru")
    (other / "config.yaml").write_text("context: {name: gru, dim: 3}\ntrain: {seed: 1, steps: 9}\n")
    found = find_experiments([one, two, other])
    assert differing(found) == ["context.name", "context.width", "train.seed"]
    assert differing(found[:2]) == ["context.width"]


def test_wrong_places_are_told(tmp_path):
    with pytest.raises(SonantError, match="there is no such folder"):
        find_experiments([tmp_path / "exp"])
    with pytest.raises(SonantError, match="no experiment here"):
        find_experiments([tmp_path])
