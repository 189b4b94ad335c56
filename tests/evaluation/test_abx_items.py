"""Item files, and the frames between two times."""

from __future__ import annotations

from fractions import Fraction

import abx_reference
import numpy as np
import pytest
from abx_parts import HEADER, complete, corpus, items_of, write_items

from sonant.core import SonantError
from sonant.evaluation._abx_items import exact_rate, spans
from sonant.evaluation.abx import read_items


def test_items_are_read_by_column_name(tmp_path):
    ordered = read_items(write_items(tmp_path / "a.item", HEADER + "f 0.0 0.1 A B C S\n\nf 0.1 0.2 B A C S\n"))
    other = read_items(write_items(tmp_path / "b.item", "speaker\t#phone\t#file\tonset\toffset\nS\tA\tf\t0.0\t0.1\n"))
    bare = read_items(write_items(tmp_path / "c.item", "f 0.0 0.1 A B C S\n"))
    assert ordered.phone == ("A", "B") and ordered.following == ("C", "C") and len(ordered) == 2
    assert other.phone == ("A",) and other.previous is None
    assert bare.speaker == ("S",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (HEADER, "no tokens"),
        ("#file onset offset #phone\nf 0 1 A\n", "no column 'speaker'"),
        (HEADER + "f 0.0 0.1 A B C\n", "line 2: 6 columns where 7"),
        (HEADER + "f 0.0 0.1 A B C S\nf zero 0.1 A B C S\n", "line 3: times must be seconds"),
        (HEADER + "f nan 0.1 A B C S\n", "times must be seconds"),
        (HEADER + "f 0.2 0.1 A B C S\n", "not after"),
    ],
)
def test_broken_item_files(tmp_path, text, message):
    with pytest.raises(SonantError, match=message) as caught:
        read_items(write_items(tmp_path / "x.item", text))
    assert "x.item" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_binary_item_files(tmp_path):
    with pytest.raises(SonantError, match="cannot read"):
        read_items(tmp_path / "absent.item")
    (tmp_path / "binary.item").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SonantError, match="UTF-8"):
        read_items(tmp_path / "binary.item")


@pytest.mark.parametrize("slicing", ["fastabx", "librilight"])
@pytest.mark.parametrize("rate", ["100", "50", "62.5", "86.1328125"])
def test_slices(slicing, rate):
    rng = np.random.default_rng(0)
    onsets = np.round(rng.uniform(0, 5, 200), 4)
    offsets = onsets + rng.uniform(0.03, 0.3, 200)
    rows = [("f", f"{t:.4f}", f"{u:.4f}", "A", "B", "C", "S") for t, u in zip(onsets, offsets, strict=True)]
    found = spans(items_of(rows), rate=exact_rate(rate), slicing=slicing)
    frames = np.arange(2000)
    for row, (begin, end) in zip(rows, found, strict=True):
        expected = abx_reference.cut(frames, row[1], row[2], rate, slicing)
        assert frames[begin:end].tolist() == expected.tolist()


def test_times_on_a_frame_are_exact():
    """0.145 s at 100 frames a second is the centre of frame 14; in floats it would round past it."""
    items = items_of([("f", "0.145", "0.285", "A", "B", "C", "S")])
    assert spans(items, rate=exact_rate(100), slicing="fastabx").tolist() == [[14, 29]]
    assert exact_rate(0.1) == Fraction(1, 10) and exact_rate("44100/441") == 100


def test_items_without_frames():
    features, rows = corpus(12)
    rows = [*rows, ("file0", "90.00", "90.10", "A", "p0", "n", "S0")]
    with pytest.raises(SonantError, match=r"1 of 61 items have no frame .* file0 90.00-90.10 s"):
        complete(features, items_of(rows), speaker="within", context="any")
    result = complete(features, items_of(rows), speaker="within", context="any", slicing="librilight")
    assert result.skipped == 1 and result.items == 60
