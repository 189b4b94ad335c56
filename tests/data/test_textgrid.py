"""TextGrid files: both text formats, encodings, quotes, and what is wrong with a file."""

import pytest

from sonant.core import SonantError
from sonant.data.textgrid import read_textgrid, write_textgrid

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.25
            text = "he said ""no"" 3 times = [x]"
        intervals [2]:
            xmin = 1.25
            xmax = 2.5
            text = ""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 1e-1
            mark = "größer"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.5 ! a comment with "quotes" and 7
<exists>
2
"IntervalTier"
"words"
0
2.5
2
0
1.25
"he said ""no"" 3 times = [x]"
1.25
2.5
""
"TextTier" "clicks" 0 2.5 1
.1
"größer"
"""
EXPECTED = {
    "words": [('he said "no" 3 times = [x]', 0.0, 1.25), ("", 1.25, 2.5)],
    "clicks": [("größer", 0.1, 0.1)],
}


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_reads_both_formats_in_every_encoding(tmp_path, text, encoding):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path = tmp_path / "a.TextGrid"
    path.write_bytes(mark + text.replace("\n", "\r\n").encode(encoding))
    assert read_textgrid(path) == EXPECTED


def test_writes_what_it_reads(tmp_path):
    tiers = {"words": [('a "b"', 0.1, 0.5), ("ñ", 0.5, 0.75)], "phones": []}
    write_textgrid(tmp_path / "a.TextGrid", tiers, 1.0)
    assert read_textgrid(tmp_path / "a.TextGrid") == {
        "words": [("", 0.0, 0.1), ('a "b"', 0.1, 0.5), ("ñ", 0.5, 0.75), ("", 0.75, 1.0)],
        "phones": [("", 0.0, 1.0)],
    }


def test_tiers_of_one_name_are_kept_apart(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace('"clicks"', '"words"'))
    assert list(read_textgrid(path)) == ["words", "words (2)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LONG[: LONG.index("intervals [2]")], "ends early or is damaged"),
        (LONG.replace("xmax = 1.25", 'xmax = "1.25"'), "ends early or is damaged"),
        ("RIFF....WAVE", "no TextGrid"),
        ("", "no TextGrid"),
    ],
    ids=["cut", "text for a number", "other file", "empty"],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, says):
    path = tmp_path / "a.TextGrid"
    path.write_text(text)
    with pytest.raises(SonantError, match=says):
        read_textgrid(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SonantError, match=r"nowhere\.TextGrid"):
        read_textgrid(tmp_path / "nowhere.TextGrid")


@pytest.mark.parametrize("segments", [[("a", 0.0, 0.5), ("b", 0.4, 0.6)], [("a", 0.5, 0.5)], [("a", 0.5, 1.5)]])
def test_refuses_segments_that_are_no_tier(tmp_path, segments):
    with pytest.raises(SonantError, match="overlaps"):
        write_textgrid(tmp_path / "a.TextGrid", {"words": segments}, 1.0)
    assert not list(tmp_path.iterdir())


def test_reads_the_alignments_of_other_tools(data_dir):
    paths = sorted((data_dir / "phrases" / "alignment").glob("*.TextGrid"))
    for path in paths[:20]:
        tiers = read_textgrid(path)
        assert list(tiers) == ["words", "phones"]
        for segments in tiers.values():
            assert all(a[2] == b[1] for a, b in zip(segments, segments[1:], strict=False))
    assert paths
