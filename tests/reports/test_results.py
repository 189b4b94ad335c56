import json
import threading

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.reports import Result, append_result, confusions_of, read_results, results_table
from sonant.reports.results import condition, read_whole_results, spell_figure, spell_name

CONFUSIONS = {"phones": ["A", "B"], "matrix": [[None, 0.25], [0.5, None]]}


def test_what_is_appended_is_read_back(tmp_path):
    path = tmp_path / "deep" / "results.jsonl"
    written = [
        Result(task="abx", figure=0.25, settings={"speaker": "across"}, model="a", data="d", seed=1, seconds=2.5),
        Result(task="verification", figure={"eer": 0.1, "min_dcf": 0.7}, extra={"command": "sonant eval ..."}),
        Result(task="abx", figure=0.5, confusions=CONFUSIONS),
    ]
    for result in written:
        append_result(path, result)
    assert read_results(path) == written
    assert read_results([path, path]) == written * 2
    assert all(isinstance(json.loads(line), dict) for line in path.read_text().splitlines())


def test_whole_lines_of_a_broken_file_can_be_had(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"task": "abx", "figure": 0.1}\n\n{"task": "ab\n{"task": "abx", "figure": 0.2}\n')
    found, notes = read_whole_results(path)
    assert [result.figure for result in found] == [0.1, 0.2]
    assert len(notes) == 1 and "results.jsonl, line 3: not JSON" in notes[0]
    assert "not readable" in read_whole_results(tmp_path / "none.jsonl")[1][0]


def test_writers_at_the_same_time_do_not_mix_lines(tmp_path):
    path = tmp_path / "results.jsonl"
    result = Result(task="abx", figure=0.1, settings={"long": "x" * 20000})
    threads = [threading.Thread(target=append_result, args=(path, result)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_results(path) == [result] * 16


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"task": "abx", "figu', "not JSON"),
        ("[1]", "must be an object"),
        ('{"figure": 0.1}', "no 'task'"),
        ('{"task": "abx", "figur": 0.1}', "Is it meant by 'figur'?"),
        ('{"task": "abx", "figure": NaN}', "'figure' of a result must be a finite number"),
        ('{"task": "abx", "figure": {}}', "'figure'"),
        ('{"task": "abx", "figure": {"error": "low"}}', "'figure'"),
        ('{"task": "abx", "figure": true}', "'figure'"),
        ('{"task": "abx", "figure": 0.1, "seed": "one"}', "'seed' of a result must be a whole number"),
        ('{"task": "abx", "figure": 0.1, "settings": [1]}', "'settings'"),
        ('{"task": "abx", "figure": 0.1, "confusions": {"phones": ["A"]}}', "'phones' and 'matrix'"),
        ('{"task": "abx", "figure": 0.1, "confusions": {"phones": ["A"], "matrix": []}}', "as many rows"),
        ('{"task": "abx", "figure": 0.1, "confusions": {"phones": ["A"], "matrix": [["x"]]}}', "neither a finite"),
    ],
)
def test_a_broken_line_is_named_with_its_number(tmp_path, line, told):
    path = tmp_path / "results.jsonl"
    path.write_text('{"task": "abx", "figure": 0.1}\n\n' + line + "\n")
    with pytest.raises(SonantError) as caught:
        read_results(path)
    assert f"{path}, line 3: " in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SonantError, match="nowhere.jsonl"):
        read_results(tmp_path / "nowhere.jsonl")


def test_nothing_is_written_for_a_figure_that_is_not_finite(tmp_path):
    with pytest.raises(SonantError, match="finite"):
        append_result(tmp_path / "results.jsonl", Result(task="abx", figure=float("nan")))
    assert not (tmp_path / "results.jsonl").exists()


def test_a_line_without_version_does_not_get_ours(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"task": "abx", "figure": 0.1, "model": null, "seed": null}\n')
    assert read_results(path) == [Result(task="abx", figure=0.1, version="")]


def test_confusions_from_an_array_keep_gaps_as_none():
    found = confusions_of(("A", "B"), np.array([[np.nan, 0.25], [0.5, np.nan]]))
    assert found == CONFUSIONS
    json.dumps(Result(task="abx", figure=0.1, confusions=found).line(), allow_nan=False)


def test_table_rows_spell_each_figure():
    settings = {"speaker": "across", "context": "within", "distance": "angular"}
    rows = results_table(
        [
            Result(task="abx", figure=0.2013, settings=settings, model="m", seed=0),
            Result(task="verification", figure={"eer": 0.031, "min_dcf": 0.2512}, model="m", seconds=3.0),
        ]
    )
    assert [row["figure"] for row in rows] == ["error 20.1 %", "EER 3.1 %", "min DCF 0.2512"]
    assert [row["condition"] for row in rows] == ["across speaker, within context, angular", "", ""]
    assert [row["seed"] for row in rows] == ["0", "", ""]
    assert rows[1]["time"] == "3 s"


def test_words_of_conditions_and_figures():
    assert condition(Result(task="events", figure=0.1, settings={"set": 2023})) == "set 2023"
    assert spell_figure("accuracy", 1.0) == "100.0 %"
    assert spell_figure("perplexity", 12.3456) == "12.35"


def test_figures_of_recognition_and_search_are_spelt_as_the_field_does():
    assert [spell_name(name) for name in ("cer", "wer", "per", "mtwv")] == ["CER", "WER", "PER", "MTWV"]
    assert spell_figure("mtwv", -0.25) == "-0.25"  # no share: it may be below 0
