from __future__ import annotations

import json

import pytest

from sonant.training.log import Metrics


def lines(tmp_path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


def test_lines_are_appended_and_what_a_checkpoint_does_not_know_is_dropped(tmp_path):
    log = Metrics(tmp_path, lines=0, step=0)
    for step in (1, 2, 3):
        log.write("train", step=step, seconds=step / 7, loss=1.0 / step)
    assert log.lines == 3
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"kind": "train", "st')
    log = Metrics(tmp_path, lines=2, step=2)
    log.write("valid", step=2, seconds=1.0, loss=float("nan"))
    log.sync()
    assert [(line["kind"], line["step"], line["loss"]) for line in lines(tmp_path)] == [
        ("train", 1, 1.0), ("train", 2, 0.5), ("valid", 2, None)
    ]  # fmt: skip
    assert log.lines == 3
    log.close()


def test_separators_inside_names_do_not_split_lines(tmp_path):
    log = Metrics(tmp_path, lines=0, step=0)
    log.write("event", step=1, seconds=0.0, message="a\u2028b\nc")
    log.close()
    log = Metrics(tmp_path, lines=1, step=1)
    log.close()
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["message"] == "a\u2028b\nc"


def test_scalars_reach_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra 'log' is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = Metrics(tmp_path, lines=0, step=0, tensorboard=True)
    log.write("train", step=5, seconds=1.0, loss=0.25, event="words are left out")
    log.sync()
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(5, 0.25)]
    assert events.Tags()["scalars"] == ["train/loss"]
