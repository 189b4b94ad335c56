"""``sonant eval events`` as typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.cli.main import main

CALL = [[[0.0, 4.0], [9.0, 13.0]], [[4.5, 8.6], [11.0, 11.4]]]


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "call.json").write_text(json.dumps(CALL))
    return "calls/call.json"


def events(capsys, *options: str):
    assert main(["eval", "events", *options, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_events_of_one_file(call, capsys):
    found = events(capsys, "--activity", call, "--rate", "50", "--set", "2023")
    assert found["shift"] == [[200, 225, 1], [430, 450, 0]]
    assert found["short"] == [[550, 570, 1]]
    assert found["hold"] == []
    assert "pred_shift_neg" not in found
    found = events(capsys, "--activity", call, "--rate", "100", "--set", "2022", "--draw")
    assert found["shift"] == [[405, 415, 1], [865, 875, 0]]
    assert found["backchannel"] == []  # only 1.8 s until the end
    assert len(found["pre_shift_neg"]) == 2
    found = events(capsys, "--activity", call, "--rate", "100", "--set", "2022", "--duration", "20")
    assert found["backchannel"] == [[1100, 1120, 1]]


def test_a_conversation_of_the_reference(oracle_dir, tmp_path, capsys):
    known = np.load(oracle_dir / "conversation" / "4115.npz")
    (tmp_path / "4115.json").write_text(json.dumps([known[f"vad_list_ch{side}"].tolist() for side in (0, 1)]))
    found = events(capsys, "--activity", str(tmp_path / "4115.json"), "--rate", "50")
    for kind, table in found.items():
        assert sorted(table) == sorted(known[f"ev_full_{kind}"].tolist()), kind


def test_settings(call, capsys):
    assert events(capsys, "--activity", call, "--rate", "50", "--max-time", "5")["shift"] == [[200, 225, 1]]
    assert events(capsys, "--activity", call, "--rate", "50", "--min-context", "5")["shift"] == [[430, 450, 0]]
    assert events(capsys, "--activity", call, "--rate", "50", "--setting", "bc_max_duration=0.3")["short"] == []


def test_a_folder_and_its_analysis(call, capsys, tmp_path):
    (tmp_path / "calls" / "other.rttm").write_text("SPEAKER x 1 0.0 5.0 <NA> <NA> a <NA> <NA>\n")
    command = ["eval", "events", "--activity", "calls", "--rate", "50", "--json", "e.json", "--analysis", "a.json"]
    assert main([*command, "--figure", "f.html"]) == 0
    assert "2 dialogues" in (tmp_path / "f.html").read_text()
    shown = capsys.readouterr().out
    assert "2 dialogues" in shown
    assert "shift" in shown
    assert "entropy" in shown
    assert set(json.loads((tmp_path / "e.json").read_text())) == {"call", "x"}
    analysis = json.loads((tmp_path / "a.json").read_text())
    assert sum(analysis["classes"]["histogram"]) == analysis["frames"] == 650 + 250
    assert analysis["events"]["shift"]["count"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "0"], "frame rate"),
        (["--rate", "2"], "needs a frame"),
        (["--rate", "50", "--setting", "bc_pre=1"], "'bc_pre'. Did you mean 'bc_pre_silence'"),
        (["--rate", "50", "--setting", "bc_pre_silence"], "NAME=SECONDS"),
        (["--rate", "50", "--duration", "-1"], "must be positive"),
        (["--rate", "50", "--figure", "f.png"], "a page, .html"),
    ],
)
def test_mistakes(call, capsys, options, said):
    assert main(["eval", "events", "--activity", call, *options]) == 2
    assert said in capsys.readouterr().err
    assert main(["eval", "events", "--activity", call, call, "--rate", "50"]) == 2
    assert "rename" in capsys.readouterr().err
