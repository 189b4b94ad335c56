"""The page of a phrase test shows the figures that it was given."""

from __future__ import annotations

import re

import numpy as np

from sonant.reports import Result
from sonant.reports.phrase_drawings import HEIGHT, Curve, PhraseCurves, around, phrase_drawing, region_bars
from sonant.reports.phrases import Course, phrase_page


def line(place, value, *, perturb="none", task="phrases"):
    figure = {"predictive": value, "reactive": value + 0.1}
    settings = {"signal": "p_now", "place": place, "perturb": perturb}
    extra = {"sd": dict.fromkeys(figure, 0.05), "files": 9} if task == "phrases" else {"pairs": 9}
    return Result(task=task, figure=figure, settings=settings, model="runs/vap", extra=extra)


def curves(name, *, points):
    p_T = np.linspace(0, 1, 50)
    words = [("are", 0.0, 0.1), ("you", 0.1, 0.15), ("there", 0.15, 0.6)]
    wave_L = np.ones(16000, dtype=np.float32)
    return PhraseCurves(name, words, points, wave_L, 16000, {"p_now": p_T}, 50.0)


def test_the_page(page, tmp_path):
    lines = [line("short@SCP", 0.7), line("long@SCP", 0.2), line("long@EOT", 0.6)]
    lines += [line("short above long@SCP", 0.8, task="phrase_pairs")]
    lines += [line("short@SCP", 0.5, perturb="flat_f0"), line("long@SCP", 0.4, perturb="flat_f0")]
    course = Course("p_now", "none", [Curve("short@SCP", 1, np.full((100, 2), 0.5))], 50, 50.0)
    pair = curves("short_a", points={"SCP = EOT": 0.6}), curves("long_a", points={"SCP": 0.3, "EOT": 0.6})
    found = page(phrase_page(tmp_path / "p.html", lines, [course], [pair]))
    assert "In 80% of 9 pairs" in found.text and "Phrase test of vap" in found.text
    assert "As they are 0.500 0.500" in found.text and "Flat F0 0.100 0.100" in found.text
    assert "0.700 ± 0.050" in found.text and "long_a" in found.text
    assert not found.all("script")


def test_bars_are_as_high_as_their_means():
    drawn = str(region_bars({"short@SCP": {"hold": (0.5, 0.1)}, "long@SCP": {"hold": (1.0, 0.2)}}, title="x"))
    tops = [float(y) for y in re.findall(r'<rect x="\S+" y="(\S+)"', drawn)]
    heights = [float(h) for h in re.findall(r'height="(\S+)" class="fill', drawn)]
    assert heights[1] == 2 * heights[0] and tops[1] < tops[0] < HEIGHT
    assert "short@SCP, hold: 0.500 (standard deviation 0.100)" in drawn


def test_a_course_leaves_out_what_nobody_reaches():
    course_T2 = np.full((10, 2), 0.5)
    course_T2[7:] = np.nan
    drawn = str(around([Curve("long@SCP", 0, course_T2)], before=5, rate=50, title="x"))
    (path,) = re.findall(r"long@SCP</title>", drawn)
    line = re.search(r'd="(M[^"]*)" class="line c0"', drawn)[1]
    assert path and line.count("L") == 6 and "nan" not in drawn


def test_a_phrase_with_its_points_and_words():
    drawn = str(phrase_drawing(curves("x", points={"SCP": 0.3}), seconds=1.0, colours={"p_now": 5}))
    for said in ("SCP", "are", "you", "there"):
        assert f">{said}</text>" in drawn
    assert drawn.count('class="line c5"') == 1
