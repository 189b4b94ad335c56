"""Keys of both generations, and speakers by the rule of each corpus."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.data.keys import Key, archive_name, make_key, parse_key, read_names, speaker_of

PARSED = [
    ("english", "abandoned_s0602a_044207-044257", Key("abandoned", "s0602a", "s06", 44207, 44257)),
    ("english", "abandoned_s06_02a_044207-044257", Key("abandoned", "s0602a", "s06", 44207, 44257)),
    ("english", "PT10000_s2102b_027358-027413", Key("PT10000", "s2102b", "s21", 27358, 27413)),
    ("english", "a_b_s2102b_027358-027413.c", Key("a_b", "s2102b", "s21", 27358, 27413, ".c")),
    ("english_full", "s0101a_003222-003255", Key(None, "s0101a", "s01", 3222, 3255)),
    ("english_full", "s01_01a_003222-003255.z", Key(None, "s0101a", "s01", 3222, 3255, ".z")),
    ("xitsonga", "nchlt-tso-001m-0007_000077-000284", Key(None, "nchlt-tso-001m-0007", "001m", 77, 284)),
    ("xitsonga", "001m_nchlt-tso-0007_000077-000284", Key(None, "nchlt-tso-001m-0007", "001m", 77, 284)),
    ("xitsonga", "rito_nchlt-tso-102f-0007_000077-000184", Key("rito", "nchlt-tso-102f-0007", "102f", 77, 184)),
    ("xitsonga", "rito_102f_nchlt-tso-0007_000077-000184.X", Key("rito", "nchlt-tso-102f-0007", "102f", 77, 184, ".X")),
]


@pytest.mark.parametrize(("corpus", "key", "expected"), PARSED, ids=[key for _, key, _ in PARSED])
def test_keys_of_both_recipes(corpus, key, expected):
    assert parse_key(key, corpus) == expected
    recipe = "old" if expected.utterance in key else "new"
    assert parse_key(key, corpus, recipe=recipe) == expected


@pytest.mark.parametrize(
    ("corpus", "key", "says"),
    [
        ("english", "s0101a_003222-003255", "has no label.*english_full"),
        ("english_full", "abandoned_s0602a_044207-044257", "has a label"),
        ("english", "abandoned_s0602a", "like abandoned_s0602a_044207-044257"),
        ("xitsonga", "rito_tso_000077-000184", "no name of the Xitsonga corpus"),
        ("englisch", "s0101a_003222-003255", "Did you mean 'english'"),
    ],
)
def test_other_keys_are_refused(corpus, key, says):
    with pytest.raises(SonantError, match=says):
        parse_key(key, corpus)


def test_names_are_spelled_as_in_archives():
    assert archive_name("s10_04a", "english") == "s1004a"
    assert archive_name("nchlt_tso_001m_0007", "xitsonga") == "nchlt-tso-001m-0007"
    assert archive_name("145m_nchlt-tso-0176", "xitsonga") == "nchlt-tso-145m-0176"
    assert archive_name("any_thing", "none") == "any_thing"
    assert (speaker_of("s10_04a", "english"), speaker_of("nchlt_tso_001m_0007", "xitsonga")) == ("s10", "001m")
    assert speaker_of("s10_04a", "none") is None


def test_made_keys_count_frames():
    assert make_key("oh dear/me", "s0602a", 442.07, 442.566) == "oh-dear-me_s0602a_044207-044257"
    assert make_key(None, "s0101a", 32.22, 32.55) == "s0101a_003222-003255"


def test_a_list_of_names(tmp_path):
    (tmp_path / "speakers.list").write_text("s02\n\ns03\n")
    assert read_names(tmp_path / "speakers.list") == ["s02", "s03"]
    (tmp_path / "empty.list").write_text("\n")
    with pytest.raises(SonantError, match="is empty"):
        read_names(tmp_path / "empty.list")
    with pytest.raises(SonantError, match="cannot read"):
        read_names(tmp_path / "none.list")
