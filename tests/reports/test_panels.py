import dataclasses
import re

import numpy as np
import pytest

from sonant.core import FrameGeometry
from sonant.reports.panels import LONGEST, WIDTH, Span, panel, similarity

from .conftest import an_example


def test_similarity_is_the_centred_cosine():
    x = np.random.default_rng(0).normal(size=(20, 5)) + 3
    found = similarity(x)
    assert found == pytest.approx(np.corrcoef(x - x.mean(0)) * 0 + _slow(x), abs=1e-12)
    assert similarity(x * 7 + 2) == pytest.approx(found, abs=1e-12)
    assert (similarity(np.ones((3, 2))) == 0).all()


def _slow(x):
    y = [row - x.mean(0) for row in x]
    return np.array([[a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b)) for b in y] for a in y])


def test_spectrogram_matrix_and_boundaries_share_the_time_axis():
    example = dataclasses.replace(an_example(), frames_geometry=FrameGeometry(16000, hop=320, window=720, offset=-80))
    count = example.frames_geometry.frames(len(example.wave_L))
    example = dataclasses.replace(example, frames_TD=example.frames_TD[:count])
    span, drawn = Span(0.0, example.seconds), panel(example, number=0)
    images = re.findall(r'<image [^>]*?x="([-\d.]+)"(?: y="[-\d.]+")? width="([\d.]+)"', drawn)
    assert len(images) == 3
    shown = ((example.logmel_geometry, example.logmel_TM), (example.frames_geometry, example.frames_TD))
    for (geometry, frames), (x, width) in zip(shown, images, strict=False):
        edge = geometry.time_of(0) - geometry.hop / geometry.sample_rate / 2
        assert float(x) == pytest.approx(span.x(edge), abs=1e-3)
        assert float(width) / len(frames) == pytest.approx(
            WIDTH * geometry.hop / geometry.sample_rate / span.end, rel=1e-4
        )
    for seconds in (0.25, 0.5, 1.0):
        assert f"M{round(span.x(seconds), 2)} 0v" in drawn
    assert drawn.count(">AA<") == 2 + 1  # a label in each column, a row of the table


def test_a_long_utterance_is_cut_around_its_speech():
    example = an_example(seconds=20.0)
    late = tuple((label, onset + 15, offset + 15) for label, onset, offset in example.phones[1:3])
    drawn = panel(dataclasses.replace(example, phones=late), number=0)
    assert f"15.15 to {15.15 + LONGEST:.2f} s of 20.00 s" in drawn
    assert len(drawn) < 500_000


@pytest.mark.parametrize("seconds", [0.05, 0.4, 5.0])
def test_any_length_and_no_phones(seconds):
    drawn = panel(dataclasses.replace(an_example(seconds=seconds), phones=()), number=0)
    assert not re.search(r"[\s\"(]nan", drawn)
    assert "Phones as a table" not in drawn
