"""Local views, crops that do not overlap, wrapped and faster ones."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.config import DataConfig, build_loaders
from sonant.data.loader import Loader
from sonant.data.pool import Pool
from sonant.data.views.crops import Config, Crops, two_apart

RATE = 8000


@pytest.fixture
def pool(manifest):
    return Pool(manifest, sample_rate=RATE, cache_mb=10)


def places(whole: np.ndarray, crops: np.ndarray) -> list[int]:
    windows = np.lib.stride_tricks.sliding_window_view(whole, crops.shape[1])
    return [int(np.flatnonzero((windows == one).all(axis=1))[0]) for one in crops]


def test_local_views_are_windows_and_change_no_other_view(pool):
    plain = Crops(Config(seconds=0.4, batch_size=4), pool)
    multi = Crops(Config(seconds=0.4, batch_size=4, local_views=5, local_seconds=0.1), pool)
    assert plain.read_local(3, key=1, seed=2) is None
    assert np.array_equal(plain.read(3, key=1, seed=2), multi.read(3, key=1, seed=2))
    local = multi.read_local(3, key=1, seed=2)
    assert local.shape == (5, 800)
    assert len(set(places(pool.read(3), local))) == 5
    batch = next(Loader(multi, seed=1).batches())
    assert batch.extras["local_views"].shape == (4, 5, 800)
    assert batch.extras["views"].shape == (4, 2, 3200)


@pytest.mark.parametrize("length", [200, 201, 203, 1000])
def test_two_crops_apart_never_overlap_and_reach_both_ends(length):
    found = np.array([two_apart(length, 100, seed) for seed in range(3000)])
    gap = found[:, 1] - found[:, 0] - 100
    assert gap.min() >= 0 and found.min() >= 0 and found.max() <= length - 100
    assert gap.max() <= length - 200
    if length == 1000:
        assert gap.max() > 780 and found[:, 0].min() < 10 and found[:, 1].max() > 890
        assert gap.mean() == pytest.approx(400, abs=15)  # twice half of a uniform distance


def test_crops_apart_need_room_for_two(pool):
    view = Crops(Config(seconds=0.5, batch_size=2, apart=True), pool)
    assert pool.samples[view.usable].min() >= RATE
    one, other = places(pool.read(int(view.usable[0])), view.read(int(view.usable[0]), key=1, seed=1))
    assert other >= one + RATE // 2
    wrapped = Crops(Config(seconds=0.9, batch_size=2, apart=True, short="wrap"), pool)
    short = int(pool.samples.argmin())
    views, whole = wrapped.read(short, key=1, seed=1), pool.read(short)
    assert np.array_equal(np.concatenate(views), np.resize(whole, 2 * 7200))
    for changes in ({"views": 3}, {"short": "pad"}):
        with pytest.raises(SonantError, match="crops_apart"):
            Crops(Config(apart=True, **changes), pool)


def test_short_files_are_repeated(pool):
    view = Crops(Config(seconds=2.0, batch_size=4, short="wrap", local_views=1, local_seconds=1.5), pool)
    assert len(view.usable) == len(pool)
    short = int(pool.samples.argmin())
    whole = pool.read(short)
    assert np.array_equal(view.read(short, key=1, seed=1), np.stack([np.resize(whole, 16_000)] * 2))
    assert np.array_equal(view.read_local(short, key=1, seed=1)[0], np.resize(whole, 12_000))
    batch = next(Loader(view, seed=1).batches())
    assert batch.lengths_B.tolist() == [16_000] * 4


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1, 1.237])
def test_faster_crops_have_the_same_length_and_higher_pitch(pool, speed, monkeypatch):
    tone = np.sin(2 * np.pi * 500 * np.arange(40_000) / RATE).astype(np.float32)
    monkeypatch.setattr(pool, "read", lambda number, start=0, count=None: tone[start:][:count])
    pool.samples[:] = 17_000
    crop = Crops(Config(seconds=0.5, speeds=(speed,)), pool).read(0, key=1, seed=1)[0]
    assert len(crop) == 4000
    peak = np.abs(np.fft.rfft(crop * np.hanning(4000), 32_000)).argmax() * RATE / 32_000
    assert peak == pytest.approx(500 * speed, abs=2)


def test_one_speed_for_all_views_of_an_utterance(pool, monkeypatch):
    asked = []
    view = Crops(Config(seconds=0.3, speeds=(0.8, 1.0, 1.2), local_views=2, local_seconds=0.3), pool)
    read = pool.read
    monkeypatch.setattr(pool, "read", lambda *a, **k: asked.append(k["count"]) or read(*a, **k))
    speeds = set()
    for seed in range(20):
        asked.clear()
        view.read(1, key=1, seed=seed), view.read_local(1, key=1, seed=seed)
        assert len(asked) == 4 and len(set(asked)) == 1
        speeds |= set(asked)
    assert speeds == {1920, 2400, 2880}


def test_the_settings_reach_the_view(manifest):
    cfg = DataConfig(
        train=str(manifest.folder), view="crops", sample_rate=RATE, chunk_seconds=0.3, batch_size=4, workers=0,
        crops_apart=True, local_views=2, local_seconds=0.1, short="wrap",
    )  # fmt: skip
    train, valid = build_loaders(cfg)
    assert train.view.cfg.apart and train.view.local_window == 800
    assert next(iter(valid)).extras["local_views"].shape[1:] == (2, 800)
    with pytest.raises(SonantError, match="data.short wrap is for the view crops"):
        build_loaders(DataConfig(train=str(manifest.folder), sample_rate=RATE, short="wrap"))
