from statistics import NormalDist

import numpy as np

from sonant.reports import det


def test_two_normal_distributions_give_a_straight_line():
    at = np.linspace(-2.5, 3.5, 200)
    miss = np.array([NormalDist(2, 1).cdf(t) for t in at])
    alarm = 1 - np.array([NormalDist(0, 1).cdf(t) for t in at])
    inside = (np.minimum(miss, alarm) > det.LOW) & (np.maximum(miss, alarm) < det.HIGH)
    x, y = (np.array([scale(p) for p in shares[inside]]) for shares, scale in ((alarm, det._x), (miss, det._y)))
    slope, start = np.polyfit(x, y, 1)
    assert np.abs(y - (slope * x + start)).max() < 0.2


def test_names_are_drawn_and_escaped():
    svg = det.det_svg(
        {"a<b": (np.array([0, 0.5, 1]), np.array([1, 0.5, 0])), "second": (np.array([0, 1]), np.array([1, 0]))}
    )
    assert "a&lt;b" in svg
    assert svg.count('stroke-width="2" fill="none"') == 2
