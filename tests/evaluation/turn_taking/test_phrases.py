"""Regions around the point where a phrase could end, and averages over them."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.turn_taking.phrases import aligned, phrase_regions, region_means, share_higher, summary


def test_regions_of_the_analysis():
    assert phrase_regions(1.05, 50) == {
        "hold": (0, 42),
        "predictive": (42, 50),
        "reactive": (50, 53),
        "post": (53, 63),
    }
    found = phrase_regions(1.37, 100)
    assert list(found.values()) == [(0, 117), (117, 135), (135, 138), (138, 158)]
    assert found["hold"][1] == found["predictive"][0]  # without a frame between them


def test_regions_of_the_training():
    assert phrase_regions(1.05, 50, cut="training") == {"hold": (0, 42), "predictive": (42, 52), "reactive": (52, 62)}


@pytest.mark.parametrize("rate", [5, 10])
def test_at_low_rates_nothing_is_predictive(rate):
    start, end = phrase_regions(1.0, rate)["predictive"]
    assert start == end
    assert phrase_regions(1.0, rate)["reactive"] == (rate - 2, rate + 1)


def test_a_point_near_the_beginning_and_none():
    assert phrase_regions(0.1, 50)["hold"] == (0, 0)
    with pytest.raises(SonantError, match="after its beginning"):
        phrase_regions(0.0, 50)


def test_means_and_their_summary():
    p_T = np.r_[np.zeros(42), np.full(8, 0.5), np.ones(13)]
    found = region_means(p_T, phrase_regions(1.05, 50))
    assert found == {"hold": 0.0, "predictive": 0.5, "reactive": 1.0, "post": 1.0}
    short = region_means(p_T[:53], phrase_regions(1.05, 50))
    assert np.isnan(short["post"])
    over = summary([found, {**short, "predictive": 0.7}])
    assert over["predictive"]["mean"] == pytest.approx(0.6) and over["predictive"]["sd"] == pytest.approx(0.02**0.5)
    assert over["post"] == {"mean": 1.0, "sd": 0.0, "files": 1}


def test_share_of_pairs():
    pairs = [({"a": 0.9}, {"a": 0.1}), ({"a": 0.4}, {"a": 0.4}), ({"a": 0.1}, {"a": 0.9}), ({"a": 1.0}, {"a": 0.0})]
    assert share_higher(pairs) == {"a": 0.625}
    assert share_higher([({"a": float("nan")}, {"a": 0.1})]) == {}


def test_courses_meet_at_the_point():
    rows_T2 = aligned([np.arange(5.0), np.arange(10.0) + 2], [1, 3], before=3, after=4)
    assert (
        np.isnan(aligned([np.arange(3.0)], [2], before=4, after=3)[[0, 1, 5, 6], 0]).tolist() == [True] * 2 + [True] * 2
    )
    assert rows_T2[3].tolist() == [3.0, 2.0]  # 1 and 5
    assert rows_T2[0].tolist() == [2.0, 0.0]  # the second alone
    assert rows_T2[1].tolist() == [3.0, 0.0]
    assert rows_T2[6].tolist() == [6.0, 2.0]
