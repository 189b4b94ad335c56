"""Word tokens: the rule of the same-different test, keys, files; and how many real corpora give."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.manifest import Manifest, Utterance
from sonant.data.recipes import folder, librispeech
from sonant.data.word_sources import find_words
from sonant.data.words import (
    Word,
    digest_of_words,
    read_words,
    select_words,
    words_of_alignment,
    words_of_archive,
    words_of_manifest,
    write_words,
)

DIGITS = r"(?P<label>\d)_(?P<speaker>[a-z]+)_"


def utterance(words, **facts):
    facts = {"id": "u1", "path": "u1.wav", "duration": 2.0, "speaker": "anna", **facts}
    return Utterance(words=words, **facts)


def test_words_of_a_manifest_leave_out_what_is_no_word():
    words = [("hello", 0.1, 0.6), ("SIL", 0.6, 0.7), ("<unk>", 0.7, 0.8), ("", 0.8, 0.9), ("there", 0.9, 1.5)]
    found = list(words_of_manifest([utterance(words), utterance(None, id="u2")]))
    assert found == [
        Word("hello_u1_000010-000060", "hello", "anna", "u1", 0.1, 0.6),
        Word("there_u1_000090-000150", "there", "anna", "u1", 0.9, 1.5),
    ]


def test_keys_count_from_the_start_of_the_recording():
    part = utterance([("hello", 0.1, 0.6)], id="u1-b", start=10.0, recording="r")
    alone = utterance([("hello", 0.0, 2.0)], id="hello_7")
    stretch = utterance([("hello", 0.0, 2.0)], id="r_003000-003200", start=30.0, recording="r")
    keys = [word.key for word in words_of_manifest([part, alone, stretch])]
    assert keys == ["hello_r_001010-001060", "hello_7", "hello_r_003000-003200"]


def test_the_same_word_at_once_on_two_channels_has_two_keys():
    both = [utterance([("hello", 0.1, 0.6)], id=f"r-{channel}", channel=channel, recording="r") for channel in (0, 1)]
    assert len({word.key for word in words_of_manifest(both)}) == 2


@pytest.mark.parametrize(
    ("onset", "offset", "label", "kept"),
    [
        (0.0, 0.5, "hello", True),
        (0.0, 0.494, "hello", False),
        (0.004, 0.4951, "hello", True),  # rounds to frames 0 and 50
        (0.0, 0.5, "four", False),
        (1.0, 4.0, "hello", True),
    ],
)
def test_the_rule_counts_frames_and_characters(onset, offset, label, kept):
    words, _ = select_words([Word("k", label, "s", "f", onset, offset)])
    assert bool(words) == kept


def test_every_word_left_out_is_counted():
    words = [
        Word("1", "hello", "a", "f", 0.0, 0.6),
        Word("2", "hello", "a", "f", 1.0, 1.6),
        Word("3", "hello", "b", "g", 0.0, 0.3),
        Word("4", "yes", "b", "g", 1.0, 1.6),
        Word("5", "hello", "b", "g", 2.0, 5.0),
        Word("6", "hello", "b", "g", 6.0, 6.5),
        Word("7", "hello"),
    ]
    kept, counts = select_words(words, max_seconds=1.0)
    assert [word.key for word in kept] == ["1", "2", "6", "7"]
    assert counts == {
        "read": 7, "too short": 1, "too long": 1, "too few characters": 1, "tokens": 4, "types": 1, "speakers": 2,
        "same-word pairs": 6, "same-word pairs of one speaker": 1,
    }  # fmt: skip
    assert sum(counts[name] for name in ("too short", "too long", "too few characters", "tokens")) == counts["read"]


def test_pairs_are_counted_as_by_enumeration():
    rng = np.random.default_rng(0)
    words = [Word(str(i), f"w{rng.integers(5)}", f"s{rng.integers(3)}") for i in range(60)]
    alike = [(a, b) for i, a in enumerate(words) for b in words[i + 1 :] if a.label == b.label]
    digest = digest_of_words(words)
    assert digest["same-word pairs"] == len(alike)
    assert digest["same-word pairs of one speaker"] == sum(a.speaker == b.speaker for a, b in alike)


def test_words_of_an_alignment():
    alignment = {"nchlt_tso_001m_0007": [("SIL", 0, 0.1), ("rito", 0.1, 0.7)]}
    assert list(words_of_alignment(alignment, "xitsonga")) == [
        Word("rito_nchlt-tso-001m-0007_000010-000070", "rito", "001m", "nchlt-tso-001m-0007", 0.1, 0.7)
    ]
    (word,) = words_of_alignment(alignment)
    assert (word.speaker, word.file) == (None, "nchlt_tso_001m_0007")


def test_words_of_an_archive():
    frames = {"a_s0602a_000010-000070.c": 60, "b_s0602a_000100-000150.c": 50}
    first, second = words_of_archive(frames, "english")
    assert first == Word("a_s0602a_000010-000070.c", "a", "s06", "a_s0602a_000010-000070.c", 0.0, 0.6)
    assert (second.label, second.offset) == ("b", 0.5)
    assert list(words_of_archive({"s0101a_000010-000070": 60}, "english_full")) == []
    with pytest.raises(SonantError, match="several layers"):
        list(words_of_archive({**frames, "b_s0602a_000100-000150.z": 50}, "english"))
    with pytest.raises(SonantError, match="must be told"):
        list(words_of_archive(frames, "none"))


def test_a_list_survives_its_file(tmp_path):
    words = [Word("k1", "a b", "anna", "u1", 0.0, 0.333333), Word("k2", "b", None, "u1", 12.34, 13.0)]
    write_words(tmp_path / "words.tsv", words)
    assert read_words(tmp_path / "words.tsv") == words
    assert (tmp_path / "words.tsv").read_text().splitlines()[1] == "k1\ta b\tanna\tu1\t0\t0.333333"
    bare = [Word("k1", "a", "anna"), Word("k2", "b", None)]
    write_words(tmp_path / "bare.tsv", bare)
    assert read_words(tmp_path / "bare.tsv") == bare
    with pytest.raises(SonantError, match="has no place"):
        bare[0].span  # noqa: B018


def test_a_table_without_keys_is_read_by_its_header(tmp_path):
    (tmp_path / "x.tsv").write_text("file\tonset\toffset\tword\tspeaker\nu1\t0.5\t0.63\tif\tanna\n")
    assert read_words(tmp_path / "x.tsv") == [Word("if_u1_000050-000063", "if", "anna", "u1", 0.5, 0.63)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column 'label'"),
        ("key\tlabel\tspeaker\n", "holds no word"),
        ("key\tlabel\tspeaker\nk\ta\ts\nk\tb\ts\n", "line 3: the key 'k' comes twice"),
        ("key\tlabel\tspeaker\nk\ta\n", "line 2 has 2 fields, the header 3"),
        ("key\tlabel\tfile\tonset\toffset\nk\ta\tf\tx\t1\n", "no times in seconds"),
        ("key\tlabel\tfile\tonset\toffset\nk\ta\tf\t1\t1\n", "from 1 s to 1 s"),
        ("key\tlabel\tfile\tonset\toffset\nk\ta\tf\t1\tinf\n", "from 1 s to inf s"),
        ("key\tlabel\n\ta\n", "no key or no label"),
        ("label\tfile\na\tf\n", "without keys needs the columns"),
    ],
)
def test_bad_lists_are_told(tmp_path, text, says):
    (tmp_path / "words.tsv").write_text(text)
    with pytest.raises(SonantError, match=says):
        read_words(tmp_path / "words.tsv")


def test_nothing_is_written_when_it_cannot_be_read_again(tmp_path):
    for words, says in (
        ([], "no word is left"),
        ([Word("k", "a"), Word("k", "b")], "comes twice"),
        ([Word("k", "a\tb")], "holds a tab"),
        ([Word("k", "a", None, "u", 0.0, 1.0), Word("l", "b")], "only some words"),
    ):
        with pytest.raises(SonantError, match=says):
            write_words(tmp_path / "words.tsv", words)
    assert not list(tmp_path.iterdir())


def test_sources_are_told_by_their_kind(tmp_path):
    (tmp_path / "x.wrd").write_text("s0101a 0 0.6 hello\n")
    assert [word.speaker for word in find_words(tmp_path / "x.wrd", corpus="english")] == ["s01"]
    np.savez(tmp_path / "x.npz", **{"hello_s0101a_000000-000060": np.zeros((60, 2))})
    assert [word.key for word in find_words(tmp_path / "x.npz", corpus="english")] == ["hello_s0101a_000000-000060"]
    with pytest.raises(SonantError, match="no file or folder"):
        find_words(tmp_path / "none")


def test_real_words_of_an_aligned_corpus(data_dir, tmp_path):
    manifest = librispeech.prepare(data_dir / "librispeech-mini", tmp_path / "m", splits="test-other")
    words, counts = select_words(words_of_manifest(manifest), min_seconds=0.3, min_characters=4)
    assert (counts["read"], counts["tokens"], counts["types"], counts["same-word pairs"]) == (993, 407, 336, 107)
    table = read_words(data_dir / "librispeech-mini/alignments/test-other-words.tsv")
    again, _ = select_words(table, min_seconds=0.3, min_characters=4)
    assert [word.key for word in words] == [word.key for word in again]


def test_real_digits_are_words_of_whole_files(data_dir, tmp_path):
    manifest = folder.prepare(data_dir / "fsdd/recordings", tmp_path / "m", pattern=DIGITS)
    words, counts = select_words(words_of_manifest(manifest), min_seconds=0, min_characters=1)
    assert (counts["tokens"], counts["types"], counts["speakers"]) == (2000, 10, 4)
    assert all(word.key == word.file and word.onset == 0 for word in words)
    test = [word for word in words if int(word.key.split("_")[2]) < 5]
    pairs = (data_dir / "fsdd/word-pairs.txt").read_text().splitlines()[1:]
    alike = [line.split()[1] for line in pairs if line.startswith("1 ")]
    digest = digest_of_words(test)
    assert (digest["same-word pairs"], digest["same-word pairs of one speaker"]) == (len(alike), alike.count("1"))
    write_words(tmp_path / "words.tsv", words)
    durations = {u.id: u.duration for u in Manifest.open(tmp_path / "m")}
    assert all(
        word.offset == pytest.approx(durations[word.file], abs=1e-6) for word in read_words(tmp_path / "words.tsv")
    )
