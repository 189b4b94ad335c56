"""Phrases changed, and where their words then are."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.actions.perturb import NAMES, moved, perturbation
from sonant.core import SonantError
from sonant.data.phrases import Phrase


def phrase(tmp_path, phones, *, name="student_short_female_a"):
    wave_L = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    soundfile.write(tmp_path / f"{name}.wav", wave_L, 16000)
    words = [("one", 0.1, 0.3), ("two", 0.3, 0.9)]
    known = {"topic": "student", "long": False, "sex": "female", "voice": "a", "words": words, "phones": phones}
    return Phrase(name=name, path=tmp_path / f"{name}.wav", scp=0.3, **known)


PHONES = [("A", 0.1, 0.3), ("B", 0.3, 0.5), ("A", 0.5, 0.9)]


def test_words_move_with_their_phones(tmp_path):
    one = moved(phrase(tmp_path, PHONES), [("A", 0.1, 0.4), ("B", 0.4, 0.6), ("A", 0.6, 0.9)])
    assert one.words == [("one", 0.1, pytest.approx(0.4)), ("two", pytest.approx(0.4), 0.9)]
    assert one.scp == pytest.approx(0.4) and one.eot == pytest.approx(0.9)


def test_average_durations(tmp_path):
    ((one, wave_L),) = perturbation("average_durations")([phrase(tmp_path, PHONES)], 16000)
    assert [round(off - on, 3) for _, on, off in one.phones] == [0.3, 0.2, 0.3]
    assert one.scp == pytest.approx(0.4) and len(wave_L) == pytest.approx(16000, abs=200)
    with pytest.raises(SonantError, match="no tier 'phones'"):
        list(perturbation("average_durations")([phrase(tmp_path, [])], 16000))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "average_durations"])
def test_the_others_keep_all_times(tmp_path, name):
    before = phrase(tmp_path, PHONES)
    ((one, wave_L),) = perturbation(name)([before], 16000)
    assert one == before and wave_L.shape == (16000,) and np.isfinite(wave_L).all()
