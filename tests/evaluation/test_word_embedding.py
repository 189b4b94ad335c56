"""Vectors of words against SciPy, NumPy and the reference numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.word_embedding import block_means, interpolate, pooled, resample, standardise, word_embedding

LENGTHS = [(1, 1), (1, 4), (2, 5), (5, 2), (6, 4), (7, 4), (4, 7), (4, 8), (9, 9), (10, 10), (33, 10), (60, 10), (8, 3)]


@pytest.mark.parametrize(("length", "samples"), LENGTHS)
def test_resample_is_that_of_scipy(length, samples):
    signal = pytest.importorskip("scipy.signal", reason="SciPy is not installed")
    x_TD = np.random.default_rng(length).standard_normal((length, 3)).astype(np.float32)
    expected = signal.resample(x_TD.astype(np.float64), samples, axis=0)
    assert np.allclose(resample(x_TD, samples), expected, atol=1e-12)


@pytest.mark.parametrize(("length", "samples"), LENGTHS)
def test_interpolate_and_blocks(length, samples):
    x_TD = np.random.default_rng(length).standard_normal((length, 3))
    places = np.linspace(0, length - 1, samples)
    expected = np.stack([np.interp(places, np.arange(length), column) for column in x_TD.T], axis=1)
    assert np.allclose(interpolate(x_TD, samples), expected)
    fine = np.repeat(x_TD, samples, axis=0).reshape(samples, length, 3).mean(axis=1)  # each frame in S equal shares
    assert np.allclose(block_means(x_TD, samples), fine)


def test_reference_embeddings_and_figures(oracle_dir):
    folder = oracle_dir / "samediff"
    arrays, segments = dict(np.load(folder / "expected.npz")), np.load(folder / "segments.npz")
    metrics = json.loads((folder / "expected.json").read_text())["metrics"]
    words = [segments[key] for key in arrays["keys"]]
    labels, speakers = arrays["labels"].tolist(), arrays["speakers"].tolist()
    for samples, dims in ((10, 13), (10, 8), (5, 13)):
        name = f"down_n{samples}_d{dims}"
        found = pooled(words, how="resample", samples=samples, dims=dims)
        assert np.abs(found - arrays[f"emb_{name}"]).max() < 1e-9
        for mvn in (False, True):
            for distance in ("cosine", "euclidean"):
                settings = {"how": "resample", "samples": samples, "dims": dims, "mvn": mvn, "distance": distance}
                scored = word_embedding(words, labels, speakers, **settings)
                expected = metrics[f"{name}_{'mvn_' if mvn else ''}{distance}"]
                for figure in ("ap", "prb", "swdp_ap", "swdp_prb"):
                    assert scored.figures[figure] == pytest.approx(expected[figure], abs=1e-6)


def test_standardise():
    x_ND = np.random.default_rng(0).standard_normal((20, 4)) * [1, 5, 0, 2] + 3
    found = standardise(x_ND)
    assert np.allclose(found.mean(axis=0), 0)
    assert np.allclose(found.std(axis=0), [1, 1, 0, 1])


def test_given_vectors_and_their_standardising():
    rng = np.random.default_rng(0)
    vectors, labels = list(rng.standard_normal((12, 4)) + 5), list("aabbccddaabb")
    given = word_embedding(vectors, labels)
    assert given.settings["how"] == "given"
    assert word_embedding(vectors, labels, mvn=True).figures != given.figures


def test_mistakes():
    words = [np.ones((3, 4)), np.ones((0, 4))]
    with pytest.raises(SonantError, match="resample"):
        pooled(words, how="resampled")
    with pytest.raises(SonantError, match="token 1 has no frames"):
        pooled(words, how="blocks")
    with pytest.raises(SonantError, match="from 1 to 4"):
        pooled(words, how="blocks", dims=5)
    with pytest.raises(SonantError, match="at least 1"):
        pooled(words[:1], how="blocks", samples=0)
    with pytest.raises(SonantError, match="(frames, dimensions)"):
        pooled([np.ones(4)], how="blocks")
    with pytest.raises(SonantError, match="token 0 is no vector"):
        word_embedding(words, ["a", "a"])
    with pytest.raises(SonantError, match="one size"):
        word_embedding([np.ones(4), np.ones(3)], ["a", "a"])
