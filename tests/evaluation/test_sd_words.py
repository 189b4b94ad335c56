"""Lists of words and pairs, keys that tell words, and frames between two times."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import FrameGeometry, SonantError
from sonant.data.words import Word
from sonant.evaluation._sd_words import cut_words, frames_between, read_labels, read_pairs, words_of_keys


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_with_and_without_header(tmp_path):
    expected = [Word("a1", "yes", "s1"), Word("a2", "no", None)]
    for number, lines in enumerate(
        [
            ("key\tlabel\tspeaker", "a1\tyes\ts1", "a2\tno\t?"),
            ("a1\tyes\ts1", "a2\tno\t?"),
            ("a1 yes s1", "a2 no ?"),
            ("label\tkey\tspeaker", "yes\ta1\ts1", "no\ta2\t?"),
        ]
    ):
        assert read_labels(write(tmp_path / f"{number}.tsv", *lines)) == expected
    placed = read_labels(
        write(tmp_path / "p.tsv", "file\tonset\toffset\tword\tspeaker", "u\t0.5\t0.75\tyes\ts", "u\t1\t1.5\tno\ts")
    )
    assert placed[0].span == ("u", 0.5, 0.75)
    assert placed[1].label == "no"


def test_pairs(tmp_path):
    pairs = read_pairs(write(tmp_path / "p.txt", "# same_word same_speaker path1 path2", "1 0 a b", "0 1 c a"))
    assert [pairs.keys[n] for n in pairs.first_P] == ["a", "c"]
    assert [pairs.keys[n] for n in pairs.second_P] == ["b", "a"]
    assert (pairs.same_P.tolist(), pairs.other_P.tolist()) == ([True, False], [True, False])


@pytest.mark.parametrize(
    ("key", "label", "speaker"),
    [
        ("abandoned_s0602a_044207-044257", "abandoned", "s06"),
        ("abandoned_s06_02a_044207-044257", "abandoned", "s06"),
        ("PT10000_s2102b_027358-027413", "PT10000", "s21"),
        ("vatsonga_nchlt-tso-001m-0007_000077-000284", "vatsonga", "001m"),
        ("vatsonga_001m_nchlt-tso-0007_000077-000284", "vatsonga", "001m"),
    ],
)
def test_keys_tell_words(key, label, speaker):
    assert words_of_keys([key]) == [Word(key, label, speaker)]


def test_frames_between_are_those_whose_centres_lie_inside():
    rng = np.random.default_rng(0)
    for geometry in (FrameGeometry(16000, 160, 400), FrameGeometry(16000, 160, 465, -152, 153), FrameGeometry(100)):
        centres = np.array([geometry.time_of(frame) for frame in range(300)])
        ends = centres[rng.integers(0, 250, 100)]  # exactly at a centre: the first counts, the last does not
        for a, b in [*rng.uniform(0, 2.5, (100, 2)), *ends.reshape(-1, 2)]:
            onset, offset = float(min(a, b)), float(max(a, b))
            inside = np.flatnonzero((centres >= onset) & (centres < offset))
            found = np.arange(300)[frames_between(geometry, onset, offset)]
            assert found.tolist() == inside.tolist()


def test_decimal_times_at_a_centre():
    geometry = FrameGeometry(16000, 160, 400)  # centres at 0.0125 + 0.01 i
    for frame in range(200):
        onset, offset = (float(f"{0.0125 + 0.01 * number:.4f}") for number in (frame, frame + 2))
        cut = frames_between(geometry, onset, offset)
        assert (cut.start, cut.stop) == (frame, frame + 2)


def test_cut_asks_for_a_recording_once():
    class Once(dict):
        def __getitem__(self, key):
            asked.append(key)
            return super().__getitem__(key)

    asked = []
    frames = Once(u=np.arange(10.0)[:, None], v=np.arange(20.0)[:, None])
    spans = [("u", 0.1, 0.3), ("v", 0.0, 0.05), ("u", 0.85, 5.0), ("v", 0.12, 0.2)]
    words = [Word(str(number), "w", None, *span) for number, span in enumerate(spans)]
    cut = cut_words(words, frames, FrameGeometry(10))
    assert [x.ravel().tolist() for x in cut] == [[1.0, 2.0], [], [8.0, 9.0], [1.0]]
    assert asked == ["u", "v"]


def test_mistakes(tmp_path):
    def broken(read, text, *lines):
        with pytest.raises(SonantError, match=text):
            read(write(tmp_path / "list", *lines))

    broken(read_pairs, "line 2: a pair to score is", "1 0 a b", "1 2 a b")
    broken(read_pairs, "line 1: a pair to score is", "1 a b")
    broken(read_pairs, "holds no pair", "# same_word same_speaker a b")
    broken(read_pairs, "is empty", "")
    broken(read_labels, "line 2: the key 'a' comes twice", "a yes s", "a no s")
    broken(read_labels, "line 2: a word is", "a yes s", "b no s more")
    broken(read_labels, "has no column 'label'", "a yes s more")
    with pytest.raises(SonantError, match="cannot read the pair list"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(SonantError, match="not text"):
        (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
        read_labels(tmp_path / "bytes")
    with pytest.raises(SonantError, match="does not tell its word"):
        words_of_keys(["yes"])
