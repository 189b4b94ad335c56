"""A corpus divided into parts."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.manifest import Manifest, ManifestWriter, Utterance
from sonant.data.recipes import split


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """100 utterances of one recording, 20 speakers of unlike size."""
    root = tmp_path_factory.mktemp("split")
    soundfile.write(root / "a.wav", np.full(8000, 0.1), 8000)
    with ManifestWriter(root / "corpus", name="c") as writer:
        for n in range(100):
            speaker = str(min(int(n**0.5 * 2), 19))
            writer.add(
                Utterance(id=f"u{n}", path=str(root / "a.wav"), start=n / 200, duration=0.3, speaker=speaker, text="x")
            )
        writer.finish()
    return root / "corpus"


def parts(corpus, out, **options) -> list[Manifest]:
    split.prepare(corpus, out, **options)
    return [Manifest.open(out / name) for name in ("train", "valid", "test")]


def test_by_utterance(corpus, tmp_path):
    made = parts(corpus, tmp_path)
    assert [len(part) for part in made] == [80, 10, 10]
    assert sorted(u.id for part in made for u in part) == sorted(f"u{n}" for n in range(100))
    given = {u.id: u for u in Manifest.open(corpus)}
    assert all((u.start, u.duration, u.text) == (given[u.id].start, 0.3, "x") for part in made for u in part)
    again, other = parts(corpus, tmp_path / "again"), parts(corpus, tmp_path / "other", seed=1)
    assert [u.id for u in made[2]] == [u.id for u in again[2]] != [u.id for u in other[2]]


def test_by_speaker(corpus, tmp_path):
    made = parts(corpus, tmp_path, by="speaker", train=0.6, valid=0.2, test=0.2)
    speakers = [set(part.speakers) for part in made]
    assert len(set.union(*speakers)) == sum(map(len, speakers)) == len(Manifest.open(corpus).speakers)
    assert [len(part) for part in made] == pytest.approx([60, 20, 20], abs=10)


def test_what_cannot_be(corpus, tmp_path):
    with pytest.raises(SonantError, match="parts that make 1"):
        split.prepare(corpus, tmp_path, train=0.9)
    with pytest.raises(SonantError, match=r"nothing is left for \w+: .* speakers are too few"):
        split.prepare(corpus, tmp_path, by="speaker", train=0.998, valid=0.001, test=0.001)
    split.prepare(corpus, tmp_path / "two", valid=0.0, train=0.9)
    assert not (tmp_path / "two" / "valid").exists()
