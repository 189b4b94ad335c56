"""Forced alignments as text, and the stretches of speech in them."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.data.alignments import read_alignment, read_speech, speech_regions

WORDS = """s0101a 0.00 0.30 SIL
s0101a 0.30 0.80 hello
s0101a 0.80 1.10 there
s0101a 1.10 1.20 SPN
s0101a 1.20 1.90 again
s0101a 2.10 2.40 late

s0102a 0.50 0.90 other
"""


def test_words_of_every_utterance(tmp_path):
    (tmp_path / "x.wrd").write_text(WORDS)
    found = read_alignment(tmp_path / "x.wrd")
    assert list(found) == ["s0101a", "s0102a"]
    assert found["s0101a"][:2] == [("SIL", 0.0, 0.3), ("hello", 0.3, 0.8)]
    assert found["s0102a"] == [("other", 0.5, 0.9)]


def test_speech_ends_at_silence_at_noise_and_where_nothing_is(tmp_path):
    (tmp_path / "x.wrd").write_text(WORDS)
    expected = {"s0101a": [(0.3, 1.1), (1.2, 1.9), (2.1, 2.4)], "s0102a": [(0.5, 0.9)]}
    assert read_speech(tmp_path / "x.wrd") == expected
    lines = [f"{name} {start} {end}" for name, regions in expected.items() for start, end in regions]
    (tmp_path / "x.vad").write_text("\n".join(lines))
    assert read_speech(tmp_path / "x.vad") == expected
    assert speech_regions([("sil", 0, 1)]) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a 0 1 x\na 1 2\n", "line 2 has 3 fields"),
        ("a 0 one x\n", "no times in seconds"),
        ("a 2 1 x\n", "from 2 s to 1 s"),
        ("\n", "is empty"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, says):
    (tmp_path / "x.wrd").write_text(text)
    with pytest.raises(SonantError, match=says):
        read_alignment(tmp_path / "x.wrd")


def test_a_missing_or_binary_file(tmp_path):
    with pytest.raises(SonantError, match="cannot read"):
        read_alignment(tmp_path / "x.wrd")
    (tmp_path / "x.wrd").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SonantError, match="not text in UTF-8"):
        read_speech(tmp_path / "x.wrd")
