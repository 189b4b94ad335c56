"""Normalised texts."""

from __future__ import annotations

import pytest

from sonant.data.manifest import Utterance
from sonant.evaluation.asr.transcript import normalised, transcript


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don\u2019t stop - he said.", "DON'T STOP HE SAID"),
        ("  ' the dogs'  at 5 o`clock ", "THE DOGS' AT 5 O'CLOCK"),
        ("well-known_thing, 3 times", "WELL KNOWN THING 3 TIMES"),
        ("\u00e9t\u00e9", "\u00c9T\u00c9"),
        ("...", ""),
    ],
)
def test_normalised(text, expected):
    assert normalised(text) == expected


def test_aligned_words_stand_in_for_a_text():
    words = [("so", 0.0, 0.1), ("do", 0.1, 0.2)]
    assert transcript(Utterance(id="a", path="a", words=words)) == "SO DO"
    assert transcript(Utterance(id="a", path="a", words=words, text="No")) == "NO"
    assert transcript(Utterance(id="a", path="a")) is None
    assert transcript(Utterance(id="a", path="a", text=" - ")) is None
