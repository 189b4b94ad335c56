"""Lists of unsupervised term discovery: three formats, silence cut away, what is left out and why."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.data.alignments import read_speech
from sonant.data.discovered import (
    Stretch,
    Term,
    TermPair,
    keep_discovered,
    read_discovered,
    speech_of_manifest,
    speech_of_regions,
)
from sonant.data.manifest import Utterance
from sonant.data.pairs import Pair

NINE = "PT1 s0101a s01 100 160 s0202b s02 30 90\n"
SEVEN = "pt01303 145m_nchlt-tso-0176 278 305 145m_nchlt-tso-0302 307 388\n"
SIX = "s0101a 1.009 1.609 s0202b 0.3 0.9\n"
SPEECH = {"s0101a": [Stretch(0, 110, "s0101a"), Stretch(120, 300, "s0101a")], "s0202b": [Stretch(0, 80, "s0202b")]}


def pair(*sides, cluster="c", inclusive=False):
    return TermPair(*(Term(*side) for side in sides), cluster, inclusive)


@pytest.mark.parametrize("format", ["auto", "given"])
@pytest.mark.parametrize(
    ("line", "corpus", "expected"),
    [
        (NINE, "english", pair(("s0101a", 100, 160, "s01"), ("s0202b", 30, 90, "s02"), cluster="PT1", inclusive=True)),
        (
            SEVEN,
            "xitsonga",
            pair(
                ("nchlt-tso-145m-0176", 278, 305, "145m"), ("nchlt-tso-145m-0302", 307, 388, "145m"), cluster="pt01303"
            ),
        ),
        (SIX, "english", pair(("s0101a", 100, 160, "s01"), ("s0202b", 30, 90, "s02"), cluster="?", inclusive=True)),
    ],
    ids=["9", "7", "6"],
)
def test_three_formats(tmp_path, line, corpus, expected, format):
    (tmp_path / "x.list").write_text(line)
    fields = str(len(line.split()))
    assert read_discovered(tmp_path / "x.list", format="auto" if format == "auto" else fields, corpus=corpus) == [
        expected
    ]


def test_names_and_speakers_without_a_rule(tmp_path):
    (tmp_path / "x.list").write_text(NINE.replace("s01 ", "anna ") + SIX)
    nine, six = read_discovered(tmp_path / "x.list")
    assert (nine.a.speaker, nine.b.speaker, six.a.speaker) == ("anna", "s02", None)


@pytest.mark.parametrize(
    ("text", "format", "says"),
    [
        (NINE + "a b c\n", "auto", "line 2 has 3 fields, expected 9 or 7 or 6"),
        (NINE, "7", "has 9 fields, expected 7"),
        (NINE.replace("160", "1.6"), "auto", "no times in whole frames"),
        (SIX.replace("0.9", "x"), "auto", "no times in seconds"),
        (NINE.replace("160", "100"), "auto", "from frame 100 to 100"),
        ("", "auto", "holds no pair"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, format, says):
    (tmp_path / "x.list").write_text(text)
    with pytest.raises(SonantError, match=says):
        read_discovered(tmp_path / "x.list", format=format)


def test_segments_are_cut_to_the_stretch_they_share_most_with():
    kept, counts = keep_discovered([pair(("s0101a", 100, 160), ("s0202b", 30, 90))], speech=SPEECH)
    assert kept == [Pair("s0101a", 1.2, 1.6, "s0202b", 0.3, 0.8, "c")]
    assert (counts["read"], counts["pairs"], counts["segments"]) == (1, 1, 2)


def test_every_pair_left_out_is_counted():
    pairs = [
        pair(("s0103a", 0, 60, "s01"), ("s0202b", 0, 60, "s02")),  # excluded
        pair(("s0101a", 0, 60, "s01"), ("s0900a", 0, 60, "s09")),  # other speaker
        pair(("s0101a", 0, 60, "s01"), ("s0101a", 50, 99, "s01")),  # overlap
        pair(("s0101a", 0, 99, "s01"), ("s0101a", 20, 50, "s01")),  # inside
        pair(("s0101a", 110, 120, "s01"), ("s0202b", 0, 60, "s02")),  # between two stretches
        pair(("s0101a", 0, 60, "s01"), ("s0202b", 80, 99, "s02")),  # after the last
        pair(("s0101a", 0, 60, "s01"), ("s0299b", 0, 60, "s02")),  # no alignment
        pair(("s0101a", 0, 60, "s01"), ("s0202b", 0, 60, "s02")),
        pair(("s0101a", 0, 60, "s01"), ("s0101a", 60, 99, "s01"), cluster="d"),  # touches
    ]
    kept, counts = keep_discovered(pairs, speech=SPEECH, speakers=["s01", "s02"], exclude=["s0103a"])
    assert counts == {
        "read": 9, "in excluded recordings": 1, "of other speakers": 1, "overlapping": 2, "without speech": 3,
        "pairs": 2, "labels": 2, "segments": 3, "of different speakers": 1,
    }  # fmt: skip
    assert [one.label for one in kept] == ["c", "d"]


@pytest.mark.parametrize("inclusive", [False, True])
def test_touching_segments_overlap_where_last_frames_are_included(inclusive):
    for first, second in (((0, 60), (60, 99)), ((60, 99), (0, 60))):
        touching = pair(("s0101a", *first), ("s0101a", *second), inclusive=inclusive)
        assert touching.overlaps == inclusive
    assert not pair(("s0101a", 0, 60), ("s0202b", 0, 60), inclusive=inclusive).overlaps


def test_without_speech_segments_stay_as_they_are():
    kept, _ = keep_discovered([pair(("s0101a", 100, 160), ("s0202b", 30, 90))])
    assert kept == [Pair("s0101a", 1.0, 1.6, "s0202b", 0.3, 0.9, "c")]


def test_an_alignment_tells_where_speech_is(tmp_path):
    (tmp_path / "x.wrd").write_text("nchlt_tso_001m_0007 0 0.2 SIL\nnchlt_tso_001m_0007 0.2 0.9 rito\n")
    speech = speech_of_regions(read_speech(tmp_path / "x.wrd"), "xitsonga")
    assert speech == {"nchlt-tso-001m-0007": [Stretch(20, 90, "nchlt-tso-001m-0007")]}


def test_a_manifest_gives_its_names_and_times():
    manifest = [
        Utterance(id="s0101a_000501-000620", path="x", start=5.013, duration=1.187, recording="s0101a"),
        Utterance(id="s0101a_000700-000800", path="x", start=7.0, duration=1.0, recording="s0101a"),
        Utterance(id="whole", path="y", duration=3.0),
    ]
    speech = speech_of_manifest(manifest)
    kept, _ = keep_discovered([pair(("s0101a", 480, 550), ("s0101a", 610, 760))], speech=speech)
    (one,) = kept
    assert (one.a, one.b) == ("s0101a_000501-000620", "s0101a_000700-000800")
    assert (one.a_start, one.b_start, one.b_end) == (0.0, 0.0, pytest.approx(0.6))
    assert one.a_end == pytest.approx(0.487)
    (other,), _ = keep_discovered([pair(("whole", 10, 60), ("whole", 100, 160))], speech=speech)
    assert other.spans == (("whole", 0.1, 0.6), ("whole", 1.0, 1.6))
