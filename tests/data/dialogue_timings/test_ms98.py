from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.dialogue_timings import ms98
from sonant.data.dialogue_timings.sources import read_dialogues


def test_speech_of_real_conversations(oracle_dir):
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        known = np.load(file)
        for side in (0, 1):
            numbers, texts = (known[f"raw_word_{name}_ch{side}"].tolist() for name in ("seg", "text"))
            times = known[f"raw_word_times_ch{side}"].tolist()
            words = [ms98.Word(n, *t, text) for n, t, text in zip(numbers, times, texts, strict=True)]
            kept = sum(bool(ms98.clean_token(word.token)) for word in words)
            assert kept == known[f"utt_ch{side}"][:, 2].sum()
            found = ms98.stretches_of_words(words)
            np.testing.assert_array_equal(np.array(found), known[f"vad_list_ch{side}"])


def test_lines_of_the_release(data_dir, oracle_dir, tmp_path):
    with gzip.open(data_dir / "switchboard-timing" / "conversations.jsonl.gz", "rt") as stream:
        lines = [line for line in stream if '"id":"2409"' in line[:20] or '"id":"4696"' in line[:20]]
    with gzip.open(tmp_path / "two.jsonl.gz", "wt") as stream:
        stream.writelines(lines)
    for dialogue in read_dialogues(tmp_path / "two.jsonl.gz"):
        known = np.load(oracle_dir / "conversation" / f"{dialogue.session}.npz")
        assert dialogue.duration == float(known["duration"])
        for side in (0, 1):
            np.testing.assert_array_equal(np.array(dialogue.activity[side]), known[f"vad_list_ch{side}"])


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("[noise]", ""),
        ("[vocalized-noise]", ""),
        ("[laughter]", ""),
        ("[silence]", ""),
        ("[laughter-yeah]", "yeah"),
        ("w[ent]-", "went"),
        ("-[th]at", "that"),
        ("i-", "i"),
        ("i[t's]-", "it's"),
        ("them_1", "them"),
        ("[splace/space]", "space"),
        ("{weatherwise}", "weatherwise"),
        ("uh-huh", "uh-huh"),
        ("<b_aside>", "<b_aside>"),
    ],
)
def test_tokens(token, said):
    assert ms98.clean_token(token) == said


def test_words_are_joined_inside_an_utterance_only():
    words = [
        ms98.Word(*row) for row in ((1, 0.0, 0.5, "a"), (1, 0.54, 1.0, "b"), (2, 1.0, 1.2, "c"), (2, 1.26, 2, "d"))
    ]
    assert ms98.stretches_of_words(words) == [(0.0, 1.0), (1.0, 1.2), (1.26, 2)]
    assert ms98.stretches_of_words(words, join_s=0.1) == [(0.0, 1.0), (1.0, 2)]
    assert ms98.stretches_of_words([words[0], ms98.Word(1, 0.5, 0.54, "[noise]"), words[1]]) == [(0.0, 1.0)]


def release(folder, *, sides="AB"):
    folder.mkdir(parents=True)
    rows = {
        "A": "sw2001A-ms98-a-0001 0.0 0.5 [silence]\nsw2001A-ms98-a-0002 0.5 1.25 hi\n",
        "B": "x-1\t1.5\t3\t[noise]\n",
    }
    for side in sides:
        (folder / f"sw2001{side}-ms98-a-word.text").write_text(rows[side])
        (folder / f"sw2001{side}-ms98-a-trans.text").write_text("not read\n")


def test_files_of_the_release(tmp_path):
    release(tmp_path / "20" / "2001")
    (found,) = read_dialogues(tmp_path)
    assert (found.session, found.duration, found.activity) == ("2001", 3.0, [[(0.5, 1.25)], []])


def test_damaged_files(tmp_path):
    release(tmp_path / "one", sides="A")
    with pytest.raises(SonantError, match="no other side"):
        list(read_dialogues(tmp_path / "one"))
    release(tmp_path / "two")
    (tmp_path / "two" / "sw2001B-ms98-a-word.text").write_text("a 1.0 word\n")
    with pytest.raises(SonantError, match="line 1 does not read"):
        list(read_dialogues(tmp_path / "two"))
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": 1, "A": {"tok": ["a"]}, "B": {}}))
    with pytest.raises(SonantError, match="line 1 .* is no conversation"):
        list(read_dialogues(tmp_path / "a.jsonl"))
