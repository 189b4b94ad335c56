"""The page of a corpus: every class that occurs is a cell, every kind of events a histogram."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sonant.evaluation.turn_taking.corpus_statistics import CorpusStatistics
from sonant.evaluation.turn_taking.events_2023 import Events2023, events_2023
from sonant.objectives.projection import Window
from sonant.reports.corpus import class_map, corpus_page, duration_bars, spelt


@pytest.fixture
def summary():
    rng, statistics = np.random.default_rng(0), CorpusStatistics(Window(rate=50))
    track_TC = np.repeat(rng.random((120, 2)) < 0.4, 40, axis=0).astype(np.uint8)
    statistics.add(track_TC, events_2023(track_TC, rate=50, settings=Events2023(max_time=None)))
    return statistics.summary()


def test_the_page(summary, page, tmp_path):
    found = page(corpus_page(tmp_path / "c.html", summary, title="talk & more", event_set="2023"))
    assert "talk & more" in found.text and f"{summary['classes']['entropy_nats']:.3f} nats" in found.text
    assert f"{summary['classes']['occurring']} of 256 classes occur" in found.text
    cells = re.findall(r"\(class (\d+)\): ([\d,]+) frames", found.source)
    told = {int(k): int(n.replace(",", "")) for k, n in cells}
    assert told == {k: n for k, n in enumerate(summary["classes"]["histogram"]) if n}
    assert not found.all("script")


def test_where_a_class_lies():
    count_K = np.zeros(256)
    count_K[15], count_K[16] = 100, 1  # speaker 0 throughout; speaker 1 in the nearest bin
    drawn = str(class_map(count_K))
    found = re.findall(r'<rect x="(\S+)" y="(\S+)"[^>]*><title>[^<]*class (\d+)\)', drawn)
    cells = {k: (float(x), float(y)) for x, y, k in found}
    assert cells["15"][0] > cells["16"][0] and cells["15"][1] < cells["16"][1]
    assert "oooo / .... (class 15): 100 frames, 99.01%" in drawn and ".... / o... (class 16)" in drawn
    assert spelt(8, 4) == "...o"


def test_durations():
    drawn = str(duration_bars({"edges": [0.0, 0.5, 1.0], "histogram": [3, 0, 12000]}, "shift"))
    assert "0 to 0.5 s: 3" in drawn and "1 s and more: 12,000" in drawn and ">12k<" in drawn


def test_many_classes_are_named_not_drawn(page, tmp_path):
    statistics = CorpusStatistics(Window(rate=50, bins_s=(0.1,) * 6))
    statistics.add(np.ones((100, 2), dtype=np.uint8), {"shift": np.zeros((0, 3), dtype=int)})
    found = page(corpus_page(tmp_path / "c.html", statistics.summary(), title="x", event_set="2023"))
    assert "4,096 classes are too many to draw" in found.text and "None of: shift" in found.text
