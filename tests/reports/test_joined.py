from __future__ import annotations

import csv
import io
import json
import statistics

import pytest

from sonant.core import SonantError
from sonant.reports.experiments import Experiment
from sonant.reports.joined import join, over
from sonant.reports.results import Result
from sonant.reports.runs import Run


def made(name: str, tmp_path, *results: Result, **settings) -> Experiment:
    return Experiment(name, tmp_path, Run(name, tmp_path), settings=settings, results=list(results))


def abx(error: float, **settings) -> Result:
    return Result("abx", {"error": error}, settings={"speaker": "across", "context": "within"} | settings, data="items")


def study(tmp_path):
    """Widths 2 and 8 with three seeds, one score missing."""
    rows = []
    for width in (2, 8):
        for seed in range(3):
            results = [] if (width, seed) == (8, 2) else [abx(0.1 * width / 2 + 0.01 * seed)]
            name = f"csa/version_{10 * width + seed}"
            rows.append(made(name, tmp_path, *results, **{"context.width": width, "train.seed": seed, "layer": "c"}))
    return rows


def test_a_row_for_each_experiment_with_what_differs_and_every_score(tmp_path):
    probe = Result("probe", {"accuracy": 0.5, "f1": 0.25}, settings={"probe": "phone"}, data="test")
    rows = [*study(tmp_path), made("gru", tmp_path, probe, **{"layer": "c", "train.seed": 0})]
    table = join(rows, {"gru": {"context_ms": "whole"}, "csa/version_20": {"context_ms": 20.0}})
    assert table.columns == [
        "experiment", "context.width", "train.seed", "context_ms", "abx.across.error", "probe.phone.accuracy",
        "probe.phone.f1",
    ]  # fmt: skip
    assert table.rows[1] == {
        "experiment": "csa/version_21", "context.width": 2, "train.seed": 1, "abx.across.error": pytest.approx(0.11),
    }  # fmt: skip
    assert table.rows[-1]["probe.phone.f1"] == 0.25 and "abx.across.error" not in table.rows[-1]
    assert table.notes == [] and table.alike == ["layer"]


def test_csv_and_json_leave_missing_cells_empty(tmp_path):
    table = join(study(tmp_path), {})
    read = list(csv.DictReader(io.StringIO(table.csv())))
    assert read[5]["abx.across.error"] == "" and float(read[0]["abx.across.error"]) == pytest.approx(0.1)
    plain = json.loads(json.dumps(table.plain()))
    assert plain["rows"][5]["abx.across.error"] is None and plain["columns"] == table.columns


def test_several_scores_of_a_task_are_told_apart_by_as_little_as_needed(tmp_path):
    several = [
        abx(0.1, items="p.item"),
        Result(
            "abx", {"error": 0.2}, settings={"speaker": "across", "context": "any", "items": "p.item"}, data="items"
        ),
        Result(
            "abx", {"error": 0.3}, settings={"speaker": "within", "context": "any", "items": "p.item"}, data="items"
        ),
    ]
    table = join([made("a", tmp_path, *several), made("b", tmp_path, several[0])], {})
    assert table.scores == ["abx.across.within.error", "abx.across.any.error", "abx.within.error"]
    assert table.rows[1] == {"experiment": "b", "abx.across.within.error": 0.1}


def test_equal_seeds_are_replaced_and_others_averaged(tmp_path):
    scores = [Result("asr", {"wer": wer}, data="d", seed=seed) for wer, seed in ((0.9, 0), (0.2, 0), (0.4, 1))]
    assert join([made("a", tmp_path, *scores)], {}).rows[0]["asr.wer"] == pytest.approx(0.3)


def test_scores_of_unlike_settings_in_one_column_are_told(tmp_path):
    table = join([made("a", tmp_path, abx(0.1, distance="angular")), made("b", tmp_path, abx(0.1, distance="kl"))], {})
    assert table.notes == ["not scored alike everywhere: distance is angular or kl in abx.across.error"]


def test_means_and_deviations_over_seeds(tmp_path):
    table = over(join(study(tmp_path), {}), "seed")
    assert table.columns == ["experiment", "n", "context.width", "abx.across.error", "abx.across.error sd"]
    first, second = table.rows
    assert first["experiment"] == "csa/20+21+22" and first["n"] == 3
    assert first["abx.across.error"] == pytest.approx(0.11)
    assert first["abx.across.error sd"] == pytest.approx(statistics.stdev([0.1, 0.11, 0.12]))
    assert second["abx.across.error"] == pytest.approx(0.405)
    assert table.notes == ["csa/80+81+82: abx.across.error is of 2 of 3 experiments"]


def test_over_a_setting_that_is_alike_gives_every_experiment_its_row(tmp_path):
    table = over(join(study(tmp_path)[::3], {}), "seed")
    assert [row["n"] for row in table.rows] == [1, 1] and "abx.across.error sd" not in table.columns
    with pytest.raises(SonantError, match="takes a setting, not abx.across.error; context.width, train.seed differ"):
        over(join(study(tmp_path), {}), "abx.across")
    with pytest.raises(SonantError, match="no column 'sed'"):
        over(join(study(tmp_path), {}), "sed")


def test_columns_are_found_by_name_beginning_or_end(tmp_path):
    table = join(study(tmp_path), {})
    assert [table.find(name) for name in ("width", "abx.across", "abx", "error")] == [
        "context.width", *["abx.across.error"] * 3,
    ]  # fmt: skip
    assert over(table, "seed").only(["width", "abx"]).columns == [
        "context.width",
        "abx.across.error",
        "abx.across.error sd",
    ]
    with pytest.raises(SonantError, match="no column 'abx.acros'. Did you mean 'abx.across.error'"):
        table.find("abx.acros")
    with pytest.raises(SonantError, match="layer is the same in all experiments"):
        table.find("layer")
    both = join([made("a", tmp_path, abx(0.1), abx(0.2, speaker="within"))], {})
    with pytest.raises(SonantError, match="'abx' may be abx.across.error or abx.within.error"):
        both.find("abx")


def test_sorting_puts_numbers_first_the_whole_utterance_after_and_missing_last(tmp_path):
    names = ["a", "b", "c", "d"]
    models = {"a": {"context_ms": "whole"}, "b": {"context_ms": 80.0}, "c": {"context_ms": 20.0}}
    table = join([made(name, tmp_path) for name in names], models)
    order = [row["experiment"] for row in table.sorted("context_ms").rows]
    assert order == ["c", "b", "a", "d"]
    assert [row["experiment"] for row in table.sorted("context_ms", descending=True).rows] == ["a", "b", "c", "d"]
    versions = join([made(f"m/version_{n}", tmp_path) for n in (10, 9)], {}).sorted("experiment")
    assert [row["experiment"] for row in versions.rows] == ["m/version_9", "m/version_10"]
