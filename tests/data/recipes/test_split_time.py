"""The end of every utterance held out: no sample twice, none lost, labels in their places."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.audio import read_audio
from sonant.data.manifest import Manifest, ManifestWriter, Utterance
from sonant.data.recipes import split_time

WORDS = [("one", 0.1, 0.9), ("two", 1.1, 1.9), ("three", 2.3, 2.9), ("four", 3.0, 3.9)]
PHONES = [("w", 0.1, 0.5), ("n", 0.5, 0.9), ("t", 1.1, 1.9), ("SIL", 1.9, 2.3), ("th", 2.3, 2.9), ("f", 3.0, 3.9)]


@pytest.fixture
def corpus(tmp_path):
    """Of 4 s at 2 s of a recording, with words; and one of 3 s without."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 16000 * 8).astype(np.float32)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", wave, 16000)
    with ManifestWriter(tmp_path / "corpus") as writer:
        activity = [[(0.2, 2.5)]]
        writer.add(
            Utterance(
                "said", str(tmp_path / "a.wav"), start=2.0, duration=4.0, speaker="anna", language="en",
                text="one two three four", words=WORDS, phones=PHONES, activity=activity, recording="a",
            )
        )  # fmt: skip
        writer.add(Utterance("plain", str(tmp_path / "b.wav"), duration=3.0, speaker="bert", text="and so on"))
        writer.finish()
    return tmp_path


def test_cuts_lie_between_words_and_labels_follow(corpus):
    train = split_time.prepare(corpus / "corpus", corpus / "out", at=0.6)
    (said, plain), (rest, end) = train, Manifest.open(corpus / "out" / "test")
    assert (said.id, rest.id) == ("said_000000-000210", "said_000210-000400")
    assert (said.start, said.duration) == (2.0, pytest.approx(2.1))
    assert (rest.start, rest.duration) == (pytest.approx(4.1), pytest.approx(1.9))
    assert (said.text, rest.text, said.speaker, rest.language) == ("one two", "three four", "anna", "en")
    assert [label for label, _, _ in said.phones] == ["w", "n", "t"]
    assert rest.words == [("three", pytest.approx(0.2), pytest.approx(0.8)), ("four", pytest.approx(0.9), 1.8)]
    assert [label for label, _, _ in rest.phones] == ["SIL", "th", "f"] and rest.phones[0][1] == 0
    assert said.activity == [[(0.2, pytest.approx(2.1))]] and rest.activity == [[(0.0, pytest.approx(0.4))]]
    assert (plain.duration, end.start, end.text) == (pytest.approx(1.8), pytest.approx(1.8), None)


def test_pieces_side_by_side_are_the_whole(corpus):
    train = split_time.prepare(corpus / "corpus", corpus / "out", at=0.5, seconds=0.5)
    pieces = [u for u in (*train, *Manifest.open(corpus / "out" / "test")) if u.id.startswith("plain")]
    assert len(pieces) == 6 and len({u.id for u in pieces}) == 6
    waves = [read_audio(u.path, start_s=u.start, duration_s=u.duration)[0] for u in pieces]
    np.testing.assert_array_equal(np.concatenate(waves), read_audio(pieces[0].path, duration_s=3.0)[0])


@pytest.mark.parametrize(
    ("settings", "said"), [({"at": 1.0}, "--at is the share"), ({"seconds": 0.0}, "--seconds must be above 0")]
)
def test_settings_are_checked(corpus, settings, said):
    with pytest.raises(SonantError, match=said):
        split_time.prepare(corpus / "corpus", corpus / "out", **settings)
    with pytest.raises(SonantError, match="give the prepared corpus"):
        split_time.prepare(None, corpus / "out")
