"""Fisher, CallHome, CHAT and words with dialog acts, as their publishers describe them."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.data.dialogue_timings.chat import read_chat
from sonant.data.dialogue_timings.dialog_acts import read_act_sides, read_act_words
from sonant.data.dialogue_timings.ldc import read_transcript
from sonant.data.dialogue_timings.sources import read_dialogues

FISHER = """# fe_03_00001.sph
# Transcribed at the LDC

3.76 5.54 A: and i generally prefer

5.10 6.00 B: (( ))

6.56 7.22 B: [laughter]

7.00 9.64 A: [noise] eating ((at)) home

9.64 10.50 A: um t._v.
"""

CALLHOME = """825.89 828.31 A: {laugh} &Jones said
that it %um was fine
828.00 829.10 B1: [[background]] {cough}
829.50 831.25 B: <Spanish bueno> //aside//
831.00 832.00 A1: yeah
"""

CHAT = """@UTF8
@Begin
@Participants:\tA Speaker, B Speaker
*A:\tyeah I know &=laughs .\x15120550_121730\x15
%com:\t*B: not an utterance \x151_2\x15
*B1:\tso he said
\tthat it was fine . \x15121500_122000\x15 and \x15122500_123000\x15
*B:\t&=laughs . \x15124000_125000\x15
*A:\txxx (.) \u2039what\u203a [//] . \x15126000_127250\x15
*A:\t0 . \x15128000_129000\x15
*A:\tno time .
@End
"""


def test_fisher(tmp_path):
    (tmp_path / "fe_03_00001.txt").write_text(FISHER)
    (tmp_path / "readme.txt").write_text("Nothing with times.\n")
    (found,) = read_dialogues(tmp_path)
    assert (found.session, found.duration) == ("fe_03_00001", 10.5)
    assert found.activity == [[(3.76, 5.54), (7.0, 9.64), (9.64, 10.5)], [(5.1, 6.0)]]


def test_callhome_of_the_ldc(tmp_path):
    (tmp_path / "en_4065.txt").write_bytes(CALLHOME.replace("bueno", "a\xf1o").encode("latin-1"))
    found = read_transcript(tmp_path / "en_4065.txt")
    assert found.activity == [[(825.89, 828.31), (831.0, 832.0)], [(829.5, 831.25)]]
    (tmp_path / "back.txt").write_text("3.0 2.0 A: hello\n")
    with pytest.raises(SonantError, match="line 1: the utterance ends"):
        read_transcript(tmp_path / "back.txt")
    (tmp_path / "none.txt").write_text("hello\n")
    with pytest.raises(SonantError, match="no row like"):
        read_transcript(tmp_path / "none.txt")
    with pytest.raises(SonantError, match="no known kind"):
        list(read_dialogues(tmp_path / "none.txt"))


def test_chat(tmp_path):
    (tmp_path / "4065.cha").write_text(CHAT)
    (found,) = read_dialogues(tmp_path / "4065.cha")
    assert found.session == "4065" and found.duration == 129.0
    assert found.activity == [
        [(120.55, 121.73), (126.0, 127.25)],
        [(121.5, 122.0), (122.5, 123.0)],
    ]


def test_chat_of_other_speakers(tmp_path):
    (tmp_path / "a.cha").write_text("*MOT:\thi . \x151_500\x15\n*CHI:\tball ! \x15600_900\x15\n")
    assert read_chat(tmp_path / "a.cha").activity == [[(0.001, 0.5)], [(0.6, 0.9)]]
    (tmp_path / "b.cha").write_text("*X:\ta . \x151_5\x15\n*Y:\ta . \x151_5\x15\n*Z:\ta . \x151_5\x15\n")
    with pytest.raises(SonantError, match="3 speakers"):
        read_chat(tmp_path / "b.cha")
    (tmp_path / "c.cha").write_text("*X:\ta .\n")
    with pytest.raises(SonantError, match="no utterance with times"):
        read_chat(tmp_path / "c.cha")


def test_words_with_dialog_acts(tmp_path):
    row = "sw2005A-ms98-a-000{},{},{},{},{},{},{}\n"
    (tmp_path / "sw2005A-word-da.csv").write_text(
        row.format(1, 0.5, 0.8, "h[ow]-", "B", "qy^d,sd", "u-1-1")
        + row.format(1, 0.82, 1.0, "are", "I", "qy^d,sd,x", "u-1-1")
        + row.format(2, 2.0, 2.5, "[laughter]", "O", "", "")
    )
    (tmp_path / "sw2005B-word-da.csv").write_text(row.format(1, 1.2, 1.9, "uh-huh", "B", "b", "u-2-1"))
    words = read_act_words(tmp_path / "sw2005A-word-da.csv")
    assert [(row.tag, row.act, row.unit) for row in words] == [
        ("B", "qy^d,sd", "u-1-1"), ("I", "qy^d,sd,x", "u-1-1"), ("O", "", "")
    ]  # fmt: skip
    (found,) = read_dialogues(tmp_path)
    assert found.session == "2005" and found.duration == 2.5
    assert found.activity == [[(0.5, 1.0)], [(1.2, 1.9)]]
    (tmp_path / "sw2006A-word-da.csv").write_text("a,1,2,b,X,c,d\n")
    with pytest.raises(SonantError, match="line 1 is no row"):
        read_act_words(tmp_path / "sw2006A-word-da.csv")
    with pytest.raises(SonantError, match="no other side"):
        read_act_sides(tmp_path / "sw2006A-word-da.csv")
