from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.array_pool import ArrayPool, size_of_arrays
from sonant.data.arrays import ArrayWriter
from sonant.data.units import CENTROIDS, FACTS, Units, one_hot, read_units, write_units

SOME = {"k": 4, "geometry": {"sample_rate": 16000, "hop": 320}, "model": "m", "layer": "c"}


def some(*, seed=0):
    return Units(np.random.default_rng(seed).standard_normal((4, 3)).astype(np.float32), SOME)


def test_the_nearest_centroid():
    units, x_TD = some(), np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    expected = np.square(x_TD[:, None] - units.centroids_KD).sum(2).argmin(1)
    assert units.of(x_TD).tolist() == expected.tolist()
    assert units.of(x_TD).dtype == np.int32
    assert len(units.of(x_TD[:0])) == 0


def test_ties_go_to_the_lowest_number():
    units = Units(np.array([[4, 4], [1, 0], [-1, 0], [0, 1], [1, 0]], dtype=np.float32))
    assert units.of(np.array([[0, 0], [0, 5], [7, 0]], dtype=np.float32)).tolist() == [1, 3, 0]
    assert units.of(np.array([[2, -1]], dtype=np.float32)).tolist() == [1]


def test_many_frames_are_as_a_few(monkeypatch):
    units, x_TD = some(), np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    whole = units.of(x_TD)
    monkeypatch.setattr("sonant.data.units.AT_ONCE", 28)
    assert units.of(x_TD).tolist() == whole.tolist()


def test_frames_of_another_size():
    with pytest.raises(SonantError, match="3 channels"):
        some().of(np.zeros((5, 2), dtype=np.float32))


def test_a_folder_and_the_one_above_it(tmp_path):
    write_units(tmp_path / "k_4", some())
    for place in (tmp_path, tmp_path / "k_4"):
        found = read_units(place)
        np.testing.assert_array_equal(found.centroids_KD, some().centroids_KD)
        assert found.geometry.rate == 50
    write_units(tmp_path / "k_5", some())
    with pytest.raises(SonantError, match="several units"):
        read_units(tmp_path)


def test_what_is_no_units_folder(tmp_path):
    with pytest.raises(SonantError, match="no units at"):
        read_units(tmp_path)
    write_units(tmp_path, some())
    (tmp_path / CENTROIDS).write_bytes(b"nothing")
    with pytest.raises(SonantError, match="no readable units"):
        read_units(tmp_path)
    facts = (tmp_path / FACTS).read_text()
    write_units(tmp_path, some(seed=1))
    (tmp_path / FACTS).write_text(facts)
    with pytest.raises(SonantError, match="not of the same fit"):
        read_units(tmp_path)


def test_one_hot():
    assert one_hot(np.array([[2.0], [0.0]]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert one_hot(np.ones((2, 5)), None).shape == (2, 5)
    with pytest.raises(SonantError, match="index says that there are 2"):
        one_hot(np.array([[2.0]]), 2)


def test_training_sees_numbers_of_units_as_one_hot_frames(manifest, tmp_path):
    facts = {"dim": 1, "geometry": {"sample_rate": 16000, "hop": 320}, "units": {"k": 4, "form": "units"}}
    with ArrayWriter(tmp_path, facts=facts, dtype="int32") as writer:
        for utterance in manifest:
            writer.write(utterance.id, np.array([[3], [1], [0]]))
    for cache_mb in (0, 1):
        pool = ArrayPool(manifest, arrays=tmp_path, cache_mb=cache_mb)
        assert pool.dim == 4
        assert pool.read(0, start=1).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert size_of_arrays(tmp_path, rate=1.0) == (4, 50)
