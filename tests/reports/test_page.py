import base64
import dataclasses
import hashlib
import json
import re
import subprocess
import sys

import pytest

from sonant.core import SonantError
from sonant.reports import append_result, confusions_of, save_example, write_report

from .conftest import abx, an_example

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def test_page_of_a_whole_run(make_run, page, tmp_path):
    folder = make_run()
    phones = ["AA", "IY", "T"]
    matrix = [[None, 0.2, 0.1], [0.4, None, 0.0], [0.1, 0.1, None]]
    append_result(folder / "results.jsonl", abx("runs/cpc-small", 0.2, confusions=confusions_of(phones, _nan(matrix))))
    found = page(write_report([folder], tmp_path / "out" / "report.html"))
    assert (
        "In ABX across speakers, cpc-small errs on 20.0 % of the triples: 0.67 times the 30.0 % of MFCC" in found.text
    )
    anchors = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    assert {"scores", "training", "examples", "confusions", "settings", "provenance", "events"} <= anchors
    for title in ("Loss", "Learning rate", "Throughput", "Gradient norm", "ABX across while training"):
        assert title in found.text
    assert "knowing nothing: 4.86" in found.text
    assert "ended: finished 200 steps" in found.text
    assert "the model card" in found.text and "# the card" in found.text
    assert "hours of audio 0.7" in found.text and "git commit not recorded" in found.text
    assert len(found.source.encode()) < 2_000_000


def _nan(matrix):
    return [[float("nan") if cell is None else cell for cell in row] for row in matrix]


def test_page_asks_for_nothing_and_allows_only_its_own_script(make_run, page, tmp_path):
    found = page(write_report([make_run()], tmp_path / "report.html"))
    for name, attributes in found.elements:
        for key in ("src", "href", "poster", "data", "action", "srcset"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:image/png", "data:audio/wav")), (name, key, value)
    assert not found.all("link") and not found.all("iframe")
    outside = re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", found.source)
    assert "http://" not in outside and "https://" not in outside and "url(" not in outside.replace("url(#", "")
    (policy,) = found.all("meta", **{"http-equiv": "Content-Security-Policy"})
    (script,) = re.findall(r"<script>(.*?)</script>", found.source, flags=re.S)
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{mark}'" in policy["content"] and "default-src 'none'" in policy["content"]


def test_references_inside_the_page_lead_somewhere_and_ids_are_unique(make_run, page, tmp_path):
    folder = make_run()
    save_example(folder, an_example("another", seed=1), number=1)
    found = page(write_report([folder], tmp_path / "report.html"))
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {
        value[1:] for _, one in found.elements for key in ("href",) if (value := one.get(key, "")).startswith("#")
    }
    wanted |= set(re.findall(r"url\(#([^)]+)\)", found.source))
    wanted |= {one["aria-labelledby"] for _, one in found.elements if "aria-labelledby" in one}
    assert wanted <= set(ids)


def test_every_drawing_has_words_and_every_chart_a_table(make_run, page, tmp_path):
    found = page(write_report([make_run()], tmp_path / "report.html"))
    drawings = [one for one in found.all("svg") if one.get("aria-hidden") != "true"]
    assert len(drawings) > 8
    assert all(one.get("role") == "img" and one.get("aria-label") for one in drawings)
    assert found.text.count("As a table") == 5
    assert found.all("html", lang="en")


def test_text_from_files_is_never_markup(make_run, page, tmp_path):
    folder = make_run()
    (folder / "config.yaml").write_text(f"about: {json.dumps(EVIL)}\n{json.dumps(EVIL)}: 1\n")
    (folder / "model" / "config.json").write_text(
        json.dumps({"training": {"seed": EVIL, "speakers": EVIL, "data": EVIL}})
    )
    with (folder / "metrics.jsonl").open("a") as stream:
        for line in (
            {"kind": "event", "step": EVIL, "message": EVIL, EVIL: EVIL},
            {"kind": "train", "step": 201, EVIL: 1.0},
            {"kind": "eval", "step": 201, f"abx{EVIL}": 0.1},
        ):
            stream.write(json.dumps(line) + "\n")
    confusions = confusions_of([EVIL, "AA"], [[0.1, 0.2], [0.3, 0.4]])
    settings = {"speaker": EVIL, EVIL: EVIL, "command": EVIL}
    evil = dataclasses.replace(abx(EVIL, 0.1, confusions=confusions), data=EVIL, version=EVIL, settings=settings)
    append_result(folder / "results.jsonl", evil)
    append_result(folder / "results.jsonl", dataclasses.replace(evil, task=EVIL, figure={EVIL: 0.3}))
    save_example(folder, dataclasses.replace(an_example(EVIL), phones=((EVIL, 0.1, 0.5),), model=EVIL, layer=EVIL))
    found = page(write_report([folder], tmp_path / "report.html"))
    assert EVIL in found.text
    assert len(found.all("script")) == 1 and not found.all("img")
    assert not [one for _, one in found.elements if any(key.startswith("on") for key in one)]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("config.yaml", "no config.yaml: the settings are not known"),
        ("metrics.jsonl", "No metrics.jsonl: there are no curves"),
        ("model/config.json", "no model/config.json: no model was saved yet"),
        ("results.jsonl", "No results.jsonl: nothing was scored yet"),
        ("report/example_0.npz", "No example of an utterance was saved"),
    ],
)
def test_a_missing_part_is_said_in_one_line(make_run, page, tmp_path, gone, said):
    folder = make_run()
    (folder / gone).unlink()
    found = page(write_report([folder], tmp_path / "report.html"))
    assert said in found.text
    assert not re.search(r"\bnan\b", found.source.replace("no NaN", ""), flags=re.I)


def test_a_run_of_one_step_and_nothing_else(tmp_path, page):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "seconds": 0.1, "loss": 2.5}\n')
    found = page(write_report([tmp_path / "run"], tmp_path / "report.html"))
    assert "run was trained for 1 steps. It has no ABX score yet." in found.text


def test_a_damaged_example_is_told_and_the_others_are_shown(make_run, page, tmp_path):
    folder = make_run()
    save_example(folder, an_example("good-one"), number=1)
    (folder / "report" / "example_0.npz").write_text("no")
    found = page(write_report([folder], tmp_path / "report.html"))
    assert "example_0.npz: not a readable example" in found.text and "good-one" in found.text


def test_several_runs_share_charts_and_tables(make_run, page, tmp_path):
    runs = [make_run("one", floor=2.0, error=0.2), make_run("two", floor=1.0, error=0.1, example=False)]
    config = runs[1] / "config.yaml"
    config.write_text(config.read_text().replace("lr: 0.001", "lr: 0.0005"))
    found = page(write_report(runs, tmp_path / "report.html"))
    assert "errs on 10.0 % of the triples" in found.text
    assert "differs one two optim.lr 0.001 0.0005" in found.text
    for title in ("Loss over steps", "Throughput over steps"):
        assert len(found.all("svg", **{"aria-label": title})) == 1
    assert "one, training" in found.text and "two, validation" in found.text
    assert {one["aria-label"] for one in found.all("svg", preserveaspectratio="none")} == {
        "one: 20.0 %", "two: 10.0 %", "MFCC: 30.0 %", "log-mel: 40.0 %",
    }  # fmt: skip


def test_scores_alone_make_a_page(make_run, page, tmp_path):
    found = page(write_report([make_run() / "results.jsonl"], tmp_path / "report.html"))
    assert "cpc-small errs on 20.0 %" in found.text
    assert not [one for one in found.elements if one[1].get("id") == "training"]


def test_examples_can_come_from_elsewhere(make_run, page, tmp_path):
    save_example(tmp_path / "other", an_example("from-elsewhere"))
    found = page(write_report([make_run()], tmp_path / "report.html", examples=[tmp_path / "other"]))
    assert "from-elsewhere" in found.text and "utt-1" not in found.text


def test_mistakes_are_told_and_leave_no_file(make_run, tmp_path):
    folder = make_run()
    (folder / "results.jsonl").write_text('{"task": "abx"}\n')
    with pytest.raises(SonantError, match="results.jsonl, line 1"):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(SonantError, match="is a folder"):
        write_report([make_run("fine")], tmp_path)


def test_reports_need_no_plotting_package():
    code = "import sys, sonant.reports.page; sys.exit('matplotlib' in sys.modules or 'lhotse' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
