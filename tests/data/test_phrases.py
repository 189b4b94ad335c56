"""Phrases by the names of their files, in one folder or in several."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.phrases import read_phrases
from sonant.data.textgrid import write_textgrid

WORDS = [("are", 0.0, 0.2), ("you", 0.2, 0.3), ("a", 0.3, 0.4), ("student", 0.4, 1.0)]


def phrase(folder, name, words, *, audio=".wav", grids=None):
    folder.mkdir(parents=True, exist_ok=True)
    (grids or folder).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}{audio}", np.zeros(24000, dtype=np.float32), 16000)
    write_textgrid((grids or folder) / f"{name}.TextGrid", {"words": words, "phones": words}, 1.5)


def test_the_original_names_in_one_folder(tmp_path):
    phrase(tmp_path, "student_short_female_en-US-Wavenet-C", WORDS)
    phrase(tmp_path, "first_year_long_male_en_GB_x", [*WORDS, ("student", 1.1, 1.4)])
    soundfile.write(tmp_path / "other.wav", np.zeros(16), 16000)  # is no phrase
    long, short = read_phrases(tmp_path)
    assert (short.topic, short.long, short.sex, short.voice) == ("student", False, "female", "en-US-Wavenet-C")
    assert (long.topic, long.long, long.sex, long.voice) == ("first_year", True, "male", "en_GB_x")
    assert (short.scp, short.eot, long.scp, long.eot) == (1.0, 1.0, 1.0, 1.4)  # the first 'student'


def test_audio_and_alignments_apart(tmp_path):
    phrase(tmp_path / "audio", "student_short_female_a", WORDS, audio=".flac", grids=tmp_path / "alignment")
    assert read_phrases(tmp_path)[0].path.suffix == ".flac"


def test_the_phrases_at_hand(data_dir):
    found = read_phrases(data_dir / "phrases")
    assert len(found) == 180 and sum(one.long for one in found) == 90
    assert all(one.scp == one.eot for one in found if not one.long)
    assert all(one.scp < one.eot for one in found if one.long)
    assert {(one.topic, one.voice) for one in found if one.long} == {(o.topic, o.voice) for o in found if not o.long}


def test_other_topics_are_given_their_word(tmp_path):
    phrase(tmp_path, "pupil_short_female_a", WORDS)
    with pytest.raises(SonantError, match="--completion pupil=WORD"):
        read_phrases(tmp_path)
    assert read_phrases(tmp_path, completion={"pupil": "You"})[0].scp == 0.3
    with pytest.raises(SonantError, match="'gone', which completes the phrase, is not in 'are you a student'"):
        read_phrases(tmp_path, completion={"pupil": "gone"})


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(SonantError, match="no folder"):
        read_phrases(tmp_path / "nowhere")
    with pytest.raises(SonantError, match="holds no phrases"):
        read_phrases(tmp_path)
    phrase(tmp_path, "student_short_female_a", WORDS)
    (tmp_path / "student_short_female_a.TextGrid").unlink()
    with pytest.raises(SonantError, match="has no alignment"):
        read_phrases(tmp_path)
