from __future__ import annotations

import math

import numpy as np
import pytest

from sonant.evaluation.turn_taking.corpus_statistics import (
    CorpusStatistics,
    class_counts,
    entropy_nats,
    lengths_of,
    picture,
)
from sonant.evaluation.turn_taking.events_2023 import events_2023
from sonant.objectives.projection import Window


def test_the_classes_of_the_reference(oracle_dir):
    """Twelve conversations: 3.573 nats, 39.8 % of one speaker throughout, 250 classes."""
    statistics = CorpusStatistics(Window(rate=50))
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        known = np.load(file)
        statistics.add(known["vad_50hz"], events_2023(known["vad_50hz"], rate=50))
    found = statistics.summary()
    assert (found["dialogues"], found["frames"], found["classes"]["occurring"]) == (12, 228391, 250)
    assert found["classes"]["entropy_nats"] == pytest.approx(3.573, abs=5e-4)
    assert found["classes"]["histogram"][15] + found["classes"]["histogram"][240] == pytest.approx(
        0.398 * 228391, rel=1e-3
    )
    assert sum(found["states"].values()) == pytest.approx(1)


def test_silence_follows_the_end():
    activity = np.repeat([[1, 0]], 10, axis=0)
    counts = class_counts(activity, Window(rate=5))
    assert counts.sum() == 10
    assert counts[0] == 1  # the last frame
    assert entropy_nats(np.array([4, 4, 0, 4, 4])) == pytest.approx(math.log(4))
    assert picture(112, 4) == ".... / ooo."


def test_lengths():
    found = lengths_of(np.array([5, 10, 600]), 50)
    assert (found["count"], found["median"]) == (3, 0.2)
    assert found["seconds"] == pytest.approx(12.3)
    assert found["histogram"] == [0, 2, 0, 0, 0, 0, 0, 1]
    assert "mean" not in lengths_of(np.zeros(0), 50)


def test_nothing_at_all():
    statistics = CorpusStatistics(Window(rate=50))
    assert statistics.summary()["classes"]["occurring"] == 0
