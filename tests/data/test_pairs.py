"""Pairs of the same word: all of them, of different speakers, a draw of them; and their file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.pairs import (
    Pair,
    digest_of_pairs,
    is_pair_list,
    pairs_of_words,
    pairs_within,
    read_pairs,
    words_of_pairs,
    write_pairs,
)
from sonant.data.recipes import librispeech
from sonant.data.word_sources import find_words
from sonant.data.words import Word, select_words, words_of_manifest


def words(count: int, *, labels: int = 3, speakers: int = 3, seed: int = 0) -> list[Word]:
    rng = np.random.default_rng(seed)
    drawn = [(f"w{rng.integers(labels)}", f"s{rng.integers(speakers)}") for _ in range(count)]
    return [Word(f"k{i}", label, speaker, f"u{i}", 0.1, 0.7) for i, (label, speaker) in enumerate(drawn)]


def by_hand(tokens, *, different):
    return {
        (a.file, b.file)
        for i, a in enumerate(tokens)
        for b in tokens[i + 1 :]
        if a.label == b.label and not (different and a.speaker == b.speaker)
    }


@pytest.mark.parametrize("different", [False, True])
def test_all_pairs_are_those_found_by_hand(different):
    tokens = words(60)
    pairs = pairs_of_words(tokens, different_speakers=different)
    assert {(pair.a, pair.b) for pair in pairs} == by_hand(tokens, different=different)
    assert len(pairs) == len(by_hand(tokens, different=different))
    label = {word.file: word.label for word in tokens}
    assert all(label[pair.a] == label[pair.b] == pair.label for pair in pairs)
    assert pairs[0].spans == ((pairs[0].a, 0.1, 0.7), (pairs[0].b, 0.1, 0.7))


@pytest.mark.parametrize("different", [False, True])
def test_a_draw_is_a_part_of_them_and_repeats(different):
    tokens = words(60)
    everything = by_hand(tokens, different=different)
    drawn = pairs_of_words(tokens, different_speakers=different, most_per_label=20, seed=1)
    assert {(pair.a, pair.b) for pair in drawn} < everything
    assert len(set(drawn)) == len(drawn)
    assert set(Counter(pair.label for pair in drawn).values()) == {20}
    assert drawn == pairs_of_words(tokens, different_speakers=different, most_per_label=20, seed=1)
    assert drawn != pairs_of_words(tokens, different_speakers=different, most_per_label=20, seed=2)
    assert len(pairs_of_words(tokens, different_speakers=different, most_per_label=10_000)) == len(everything)


def test_a_draw_takes_every_pair_equally_often():
    tokens = words(8, labels=1)
    seen = Counter()
    for seed in range(400):
        seen.update((pair.a, pair.b) for pair in pairs_of_words(tokens, most_per_label=7, seed=seed))
    assert len(seen) == 28
    expected = 400 * 7 / 28
    assert max(abs(count - expected) for count in seen.values()) < 4 * np.sqrt(expected)


def test_the_draw_of_one_label_does_not_depend_on_the_others():
    tokens = words(60)
    alone = pairs_of_words([word for word in tokens if word.label == "w1"], most_per_label=5)
    assert alone == [pair for pair in pairs_of_words(tokens, most_per_label=5) if pair.label == "w1"]


def test_a_frequent_word_needs_no_list_of_all_its_pairs():
    pairs = pairs_of_words(words(3000, labels=1), most_per_label=50)  # of 4.5 million
    assert len(pairs) == 50


def test_labels_of_one_token_give_no_pair():
    assert pairs_of_words(words(1)) == []
    with pytest.raises(SonantError, match="has no speaker"):
        pairs_of_words([Word("k", "a", None, "u", 0, 1)], different_speakers=True)
    with pytest.raises(SonantError, match="most_per_label must be positive"):
        pairs_of_words(words(3), most_per_label=0)
    with pytest.raises(SonantError, match="has no place"):
        pairs_of_words([Word("k", "a", "s"), Word("l", "a", "s")])


def test_unknown_words_make_no_pair():
    known, blank = words(2), [Word(f"b{n}", "?", "s", "u", n, n + 1) for n in range(3)]
    assert pairs_of_words([*known, *blank]) == pairs_of_words(known)
    with pytest.raises(SonantError, match="have no labels"):
        pairs_of_words(blank)


def test_pairs_within_a_corpus(manifest):
    first, second = manifest.utterance(0), manifest.utterance(1)
    inside = Pair(first.id, 0.1, 0.3, second.id, 0.0, 0.4, "w")
    over = replace(inside, b_start=0.2, b_end=99.0)
    kept, counts = pairs_within(
        [inside, over, replace(inside, a="nowhere"), replace(inside, a_start=50, a_end=51)], manifest
    )
    assert kept == [inside, replace(over, b_end=second.duration)]
    assert (counts["read"], counts["not in the corpus"], counts["pairs"], counts["segments"]) == (4, 2, 2, 3)
    with pytest.raises(SonantError, match=f"called like '{first.id}' and in the list like 'nowhere'"):
        pairs_within([replace(inside, a="nowhere")], manifest)


def test_the_segments_of_pairs_come_once(tmp_path):
    pairs = [
        Pair("u", 0.1, 0.3, "v", 0.0, 0.4, "w"),
        Pair("v", 0.0, 0.4, "u", 1.0, 1.5, "w"),
        Pair("u", 2, 3, "v", 2, 3),
    ]
    write_pairs(tmp_path / "pairs.tsv", pairs)
    found = list(find_words(tmp_path / "pairs.tsv"))
    assert found == list(words_of_pairs(pairs))
    assert [word.key for word in found] == [
        "w_u_000010-000030", "w_v_000000-000040", "w_u_000100-000150", "u_000200-000300", "v_000200-000300",
    ]  # fmt: skip
    assert [word.label for word in found] == ["w", "w", "w", "?", "?"]
    assert found[1].span == pairs[0].spans[1]
    assert is_pair_list(tmp_path / "pairs.tsv")


def test_a_list_survives_its_file(tmp_path):
    pairs = [Pair("u1", 0.0, 0.5, "u2", 1.25, 2.123456, "word"), Pair("u1", 0.0, 0.5, "u3", 0.0, 1.0)]
    write_pairs(tmp_path / "pairs.tsv", pairs)
    header, first, second = (tmp_path / "pairs.tsv").read_text().splitlines()
    assert header == "a\ta_start\ta_end\tb\tb_start\tb_end\tlabel"
    assert (first, second[-1]) == ("u1\t0\t0.5\tu2\t1.25\t2.123456\tword", "?")
    assert read_pairs(tmp_path / "pairs.tsv") == pairs
    assert digest_of_pairs(pairs) == {"pairs": 2, "labels": 1, "segments": 3}
    with pytest.raises(SonantError, match="no pair is left"):
        write_pairs(tmp_path / "none.tsv", [])
    with pytest.raises(SonantError, match="holds a tab"):
        write_pairs(tmp_path / "none.tsv", [Pair("a\tb", 0, 1, "c", 0, 1)])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("u1\t0\t1\tu2\t0", "line 2 has 5 fields"),
        ("u1\t0\t1\tu2\t0\tone", "no number of seconds"),
        ("u1\t0\t1\tu2\t1\t1", "empty or backwards"),
        ("", "holds no pair"),
    ],
)
def test_bad_lists_are_told(tmp_path, row, says):
    (tmp_path / "pairs.tsv").write_text(f"a\ta_start\ta_end\tb\tb_start\tb_end\n{row}\n")
    with pytest.raises(SonantError, match=says):
        read_pairs(tmp_path / "pairs.tsv")
    (tmp_path / "pairs.tsv").write_text("a\tb\n")
    with pytest.raises(SonantError, match="has no column 'a_start'"):
        read_pairs(tmp_path / "pairs.tsv")


def test_real_pairs(data_dir, tmp_path):
    manifest = librispeech.prepare(data_dir / "librispeech-mini", tmp_path / "m", splits="test-other")
    chosen, counts = select_words(words_of_manifest(manifest), min_seconds=0.3, min_characters=4)
    assert len(pairs_of_words(chosen)) == counts["same-word pairs"] == 107
    across = pairs_of_words(chosen, different_speakers=True)
    assert len(across) == 107 - counts["same-word pairs of one speaker"] == 28
