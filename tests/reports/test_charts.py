import re

import numpy as np
import pytest

from sonant.reports.charts import HEIGHT, POINTS, TOP, WIDTH, Line, compact, line_chart, thin, ticks


def test_ticks_are_round_and_inside():
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(0.0, 0.001) == [0, 0.0002, 0.0004, 0.0006, 0.0008, 0.001]
    assert ticks(1.93, 4.9) == [2, 3, 4] or ticks(1.93, 4.9) == [2, 2.5, 3, 3.5, 4, 4.5]
    assert ticks(3, 3) == [3]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2000, "2000"), (25000, "25k"), (3e6, "3M"), (0.00025, "2.5e-4"), (-0.5, "-0.5")]
)
def test_compact(value, text):
    assert compact(value) == text


def test_thinning_keeps_the_mean_and_the_extremes():
    y = np.random.default_rng(0).normal(size=POINTS * 10)
    x, mean, (_, low, high) = thin(Line("l", np.arange(len(y), dtype=float), y))
    assert len(x) == POINTS
    assert mean.mean() == pytest.approx(y.mean())
    assert (low.min(), high.max()) == (y.min(), y.max())
    assert (x[0], x[-1]) == (0, len(y) - 1)


def drawn(svg: str) -> np.ndarray:
    path = re.search(r'd="M([^"]*)" class="line', svg)
    assert path
    return np.array([[float(number) for number in point.split()] for point in path[1].split("L")])


def test_higher_values_are_drawn_higher_and_inside_the_frame():
    points = drawn(line_chart([Line("l", np.arange(5.0), np.array([1.0, 3, 2, 5, 4]))], title="t", y_label="y"))
    assert np.argsort(-points[:, 1]).tolist() == [0, 2, 1, 4, 3]
    assert (np.diff(points[:, 0]) > 0).all()
    assert (points >= 0).all() and (points[:, 0] <= WIDTH).all() and (points[:, 1] <= HEIGHT).all()


def test_one_spike_does_not_flatten_the_curve_and_is_told():
    y = np.linspace(5, 2, 200)
    y[50] = 1e6
    svg = line_chart([Line("l", np.arange(200.0), y)], title="t", y_label="y")
    points = drawn(svg)
    assert "beyond the axis" in svg
    assert points[-1, 1] - points[0, 1] > (HEIGHT - TOP) / 2
    assert points[:, 1].min() >= TOP - 2


def test_a_single_point_and_a_constant_line_are_drawn():
    assert "circle" in line_chart([Line("l", np.array([3.0]), np.array([2.0]))], title="t", y_label="y")
    assert np.isfinite(drawn(line_chart([Line("l", np.arange(3.0), np.zeros(3))], title="t", y_label="y"))).all()
