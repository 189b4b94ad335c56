"""ABX item files against those of a real corpus, and what counts as silence."""

from types import SimpleNamespace

import pytest

from sonant.core import SonantError
from sonant.data.items import HEADER, write_items
from sonant.data.textgrid import read_textgrid

PHONES = [("", 0, 0.1), ("B", 0.1, 0.2), ("AE", 0.2, 0.3), ("T", 0.3, 0.4), ("sil", 0.4, 0.5), ("AH", 0.5, 0.6)]


def utterance(phones, *, name="u1", speaker="s1"):
    return SimpleNamespace(id=name, speaker=speaker, phones=phones)


def lines(path):
    header, *rest = path.read_text().splitlines()
    assert header == HEADER
    return rest


def test_phone_items_call_their_silent_neighbours_sil(tmp_path):
    assert write_items(tmp_path / "a.item", [utterance(PHONES)], "phone") == 4
    assert lines(tmp_path / "a.item") == [
        "u1 0.1000 0.2000 B SIL AE s1",
        "u1 0.2000 0.3000 AE B T s1",
        "u1 0.3000 0.4000 T AE SIL s1",
        "u1 0.5000 0.6000 AH SIL SIL s1",
    ]


def test_triphone_items_span_both_neighbours_and_leave_out_silence(tmp_path):
    assert write_items(tmp_path / "a.item", [utterance(PHONES), utterance(None, name="u2")], "triphone") == 1
    assert lines(tmp_path / "a.item") == ["u1 0.1000 0.4000 AE B T s1"]


def test_a_gap_is_silence(tmp_path):
    phones = [("B", 0.1, 0.2), ("AE", 0.2, 0.3), ("T", 0.35, 0.4), ("AH", 0.4, 0.5)]
    write_items(tmp_path / "a.item", [utterance(phones)], "phone")
    assert [line.split()[3:6] for line in lines(tmp_path / "a.item")] == [
        ["B", "SIL", "AE"], ["AE", "B", "SIL"], ["T", "SIL", "AH"], ["AH", "T", "SIL"],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["phone", "triphone"])
def test_equals_the_files_of_a_real_corpus(data_dir, tmp_path, kind):
    folder = data_dir / "librispeech-mini" / "alignments"
    grids = sorted((folder / "test-other").rglob("*.TextGrid"))
    utterances = [utterance(read_textgrid(p)["phones"], name=p.stem, speaker=p.stem.split("-")[0]) for p in grids]
    write_items(tmp_path / "a.item", utterances, kind)
    assert (tmp_path / "a.item").read_bytes() == (folder / f"test-other-{kind}.item").read_bytes()


@pytest.mark.parametrize(
    ("utterances", "says"),
    [
        ([utterance(None)], "no tokens"),
        ([utterance(PHONES, name="a b")], "spaces"),
        ([utterance(PHONES, speaker=None)], "no speaker"),
    ],
)
def test_refuses_what_an_item_file_cannot_hold(tmp_path, utterances, says):
    with pytest.raises(SonantError, match=says):
        write_items(tmp_path / "a.item", utterances, "phone")
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(SonantError, match="Did you mean 'triphone'"):
        write_items(tmp_path / "a.item", [utterance(PHONES)], "triphones")
