"""Decoded audio in memory and on disk."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.data.cache import WaveCache
from sonant.data.config import DataConfig, build_loaders
from sonant.data.pool import Pool

RATE = 8000


@pytest.mark.parametrize(("dtype", "error"), [(np.int16, 2e-5), (np.float32, 0)])
def test_what_is_put_is_found_again(tmp_path, dtype, error):
    wave = np.random.default_rng(0).uniform(-0.9, 0.9, 50).astype(np.float32)
    for folder in (None, tmp_path / "cache"):
        cache = WaveCache(np.array([10, 50, 7]), dtype=dtype, folder=folder)
        assert cache.get(1, 0, 50) is None
        cache.put(1, wave)
        np.testing.assert_allclose(cache.get(1, 5, 20), wave[5:25], atol=error)
        assert cache.get(1, 0, 50).dtype == np.float32
        assert cache.get(0, 0, 10) is None and cache.get(2, 0, 7) is None
    again = WaveCache(np.array([10, 50, 7]), dtype=dtype, folder=tmp_path / "cache")
    np.testing.assert_allclose(again.get(1, 0, 50), wave, atol=error)
    copied = pickle.loads(pickle.dumps(again))
    np.testing.assert_allclose(copied.get(1, 0, 50), wave, atol=error)


def test_a_later_run_reads_no_file(own_manifest, tmp_path):
    folder = tmp_path / "cache"
    first = Pool(own_manifest, sample_rate=RATE, cache_folder=folder, indices=np.arange(4, 12))
    heard = [first.read(number) for number in range(len(first))]
    for row in range(len(own_manifest)):
        own_manifest.path(row).unlink()
    later = Pool(own_manifest, sample_rate=RATE, cache_folder=folder, indices=np.arange(6, 12))
    assert all(np.array_equal(later.read(number), heard[number + 2]) for number in range(len(later)))
    with pytest.raises(SonantError, match="no audio file"):
        Pool(own_manifest, sample_rate=RATE, cache_folder=folder).read(0)
    with pytest.raises(SonantError, match="no audio file"):
        Pool(own_manifest, sample_rate=RATE // 2, cache_folder=folder).read(5)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_and_without(manifest, tmp_path, workers):
    def batches(**changes):
        cfg = DataConfig(
            train=str(manifest.folder), sample_rate=RATE, chunk_seconds=0.3, workers=workers, cache_mb=0, **changes
        )
        return list(build_loaders(cfg)[0].batches(0, 5))

    plain = batches()
    for _ in range(2):
        kept = batches(cache_folder=str(tmp_path / "cache"))
        assert all(torch.equal(a.wave_BL, b.wave_BL) for a, b in zip(plain, kept, strict=True))


def test_a_folder_that_cannot_be_is_told(manifest, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SonantError, match="cannot keep decoded audio"):
        Pool(manifest, sample_rate=RATE, cache_folder=tmp_path / "file")
