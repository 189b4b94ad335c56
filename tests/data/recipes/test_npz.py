"""Feature archives as corpora: keys are utterances, and training reads them."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.array_pool import ArrayPool
from sonant.data.recipes import npz
from sonant.data.word_sources import find_words
from sonant.data.words import words_of_manifest

KEYS = ("hello_s0602a_044207-044257", "there_s0602a_000010-000030", "hello_s0801b_000010-000070")


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {key: rng.standard_normal((count, 13)) for key, count in zip(KEYS, (50, 20, 60), strict=True)}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    return tmp_path / "x.npz"


def test_keys_tell_speakers_and_words(archive, tmp_path):
    manifest = npz.prepare(archive, tmp_path / "out", keys="english", language="en")
    first, second, third = manifest
    assert (first.id, first.speaker, first.duration, first.text) == (KEYS[0], "s06", 0.5, "hello")
    assert (first.words, second.duration, third.speaker) == ([("hello", 0.0, 0.5)], 0.2, "s08")
    assert list(words_of_manifest(manifest)) == list(find_words(archive, corpus="english"))


@pytest.mark.parametrize("rate", [100.0, 50.0, 62.5])
def test_durations_are_frames_over_rate(archive, tmp_path, rate):
    manifest = npz.prepare(archive, tmp_path / "out", rate=rate)
    assert [u.duration for u in manifest] == [50 / rate, 20 / rate, 60 / rate]
    assert manifest.speakers == []


def test_training_reads_the_archive_by_the_manifest(archive, tmp_path):
    manifest = npz.prepare(archive, tmp_path / "out", keys="english")
    pool = ArrayPool(manifest, arrays=archive)
    assert (pool.dim, pool.samples.tolist(), pool.speaker.tolist()) == (13, [50, 20, 60], [0, 0, 1])
    with np.load(archive) as arrays:
        np.testing.assert_array_equal(pool.read(2, start=10, count=5), arrays[KEYS[2]][10:15].astype(np.float32))


def test_a_pattern_in_place_of_a_rule(archive, tmp_path):
    manifest = npz.prepare(archive, tmp_path / "out", pattern=r"^(?P<label>[^_]+)_(?P<speaker>[^_]+)_")
    assert [(u.text, u.speaker) for u in manifest] == [("hello", "s0602a"), ("there", "s0602a"), ("hello", "s0801b")]
    with pytest.raises(SonantError, match="is not in 3 of 3 names"):
        npz.prepare(archive, tmp_path / "out", pattern="(?P<label>Q)")
    with pytest.raises(SonantError, match=r"needs a group \(\?P<label>"):
        npz.prepare(archive, tmp_path / "out", pattern="(a)")
    with pytest.raises(SonantError, match="give one of them"):
        npz.prepare(archive, tmp_path / "out", pattern="(?P<label>a)", keys="english")


def test_one_layer_of_an_extracted_archive(tmp_path):
    np.savez(tmp_path / "x.npz", **{f"{KEYS[0]}.{layer}": np.zeros((50, 2)) for layer in "zc"})
    (one,) = npz.prepare(tmp_path / "x.npz", tmp_path / "out", keys="english", suffix=".c")
    assert (one.id, one.text) == (f"{KEYS[0]}.c", "hello")
    with pytest.raises(SonantError, match="no key that ends in '.h'"):
        npz.prepare(tmp_path / "x.npz", tmp_path / "out", suffix=".h")


def test_strange_keys_are_named_and_skipped(archive, tmp_path, capsys):
    with np.load(archive) as arrays:
        np.savez(tmp_path / "y.npz", **arrays, nonsense=np.zeros((5, 13)))
    assert len(npz.prepare(tmp_path / "y.npz", tmp_path / "out", keys="english")) == 3
    assert "'nonsense' is no key" in capsys.readouterr().err
    with pytest.raises(SonantError, match="'nonsense' is no key"):
        npz.prepare(tmp_path / "y.npz", tmp_path / "out", keys="english", strict=True)


def test_what_is_no_archive_is_refused(tmp_path):
    for source in (None, tmp_path, tmp_path / "none.npz"):
        with pytest.raises(SonantError, match=r"sonant prepare npz FILE\.npz OUT"):
            npz.prepare(source, tmp_path / "out")
