"""Training on arrays in place of audio, and on segments and pairs of segments."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.data.array_pool import ArrayPool
from sonant.data.arrays import ArrayWriter
from sonant.data.config import DataConfig, build_view
from sonant.data.loader import Loader
from sonant.data.pool import Pool
from sonant.data.views.pairs import Config as PairsConfig
from sonant.data.views.pairs import Pairs
from sonant.data.views.segments import Config as SegmentsConfig
from sonant.data.views.segments import Segments

RATE, HOP, DIM = 8000, 80, 3


def frames_of(manifest) -> dict[str, np.ndarray]:
    """Frames that tell utterance, time and channel: 1000 u + t + d / 10."""
    counts = [int(u.duration * RATE) // HOP for u in manifest]
    return {
        u.id: (1000 * number + np.arange(count)[:, None] + np.arange(DIM) / 10).astype(np.float32)
        for number, (u, count) in enumerate(zip(manifest, counts, strict=True))
    }


@pytest.fixture
def arrays(manifest, tmp_path):
    return write(frames_of(manifest), tmp_path / "arrays")


def write(frames: dict[str, np.ndarray], where, *, format="npy"):
    facts = {"geometry": asdict(FrameGeometry(RATE, hop=HOP, window=200, offset=-60, tail=60))}
    with ArrayWriter(where, format=format, facts=facts) as writer:
        for key, x_TD in frames.items():
            writer.write(key, x_TD)
    return where


def pool_of(manifest, arrays, **options) -> ArrayPool:
    return ArrayPool(manifest, arrays=arrays, sample_rate=RATE, **options)


@pytest.mark.parametrize("format", ["npy", "npz"])
def test_frames_come_with_the_geometry_of_the_index(manifest, tmp_path, format):
    frames = frames_of(manifest)
    arrays = write(frames, tmp_path / "arrays", format=format)
    pool = pool_of(manifest, arrays)
    assert (pool.sample_rate, pool.dim, pool.geometry.window) == (100, DIM, 200)
    assert pool.samples.tolist() == [len(x) for x in frames.values()]
    for number in (0, 5):
        np.testing.assert_array_equal(pool.read(number, start=4, count=9), frames[pool.id(number)][4:13])


@pytest.mark.parametrize("view", ["chunks", "crops", "utterances", "speakers"])
def test_every_view_serves_frames(manifest, arrays, view):
    cfg = DataConfig(view=view, sample_rate=RATE, batch_size=4, chunk_seconds=0.3, speakers_per_batch=2,
                     utterances_per_speaker=2, workers=0)  # fmt: skip
    loaders = [
        Loader(build_view(cfg, pool_of(manifest, arrays, cache_mb=mb)), seed=3, workers=w)
        for mb, w in ((0, 0), (100, 0), (0, 2))
    ]
    for batches in zip(*(loader.batches(0, 3) for loader in loaders), strict=True):
        first = batches[0]
        assert all(torch.equal(first.wave_BL, batch.wave_BL) and first.ids == batch.ids for batch in batches)
        x = first.frames()
        assert x.geometry.hop == HOP and x.x_BTD.shape == (4, int(first.lengths_B.max()), DIM)
        steps = x.x_BTD[:, 1:, 0] - x.x_BTD[:, :-1, 0]
        assert (steps[first.lengths_B[:, None] > torch.arange(1, x.x_BTD.shape[1])] == 1).all()
        assert first.sample_rate == RATE
        assert first.seconds == pytest.approx(float(first.lengths_B.sum()) / 100)
        if view == "crops":
            assert first.extras["views"].shape == (4, 2, 30, DIM)


def test_utterances_without_array_are_left_out(manifest, tmp_path):
    frames = frames_of(manifest)
    gone = next(iter(frames))
    pool = pool_of(manifest, write({key: x for key, x in frames.items() if key != gone}, tmp_path / "a"))
    assert (len(pool), pool.missing) == (len(frames) - 1, 1)
    with pytest.raises(SonantError, match="has no array for any utterance"):
        pool_of(manifest, write({"other": frames[gone]}, tmp_path / "b"))


def test_arrays_of_another_rate_or_size_are_refused(manifest, arrays, tmp_path):
    with pytest.raises(SonantError, match="data.sample_rate is 16000"):
        ArrayPool(manifest, arrays=arrays, sample_rate=16000)
    frames = frames_of(manifest)
    first = next(iter(frames))
    frames[first] = frames[first][:, :2]
    with pytest.raises(SonantError, match="different numbers of dimensions"):
        pool_of(manifest, write(frames, tmp_path / "mixed"))


def test_an_array_with_nan_is_skipped_by_name(manifest, tmp_path, capsys):
    frames = frames_of(manifest)
    bad = next(iter(frames))
    frames[bad][2] = np.nan
    pool = pool_of(manifest, write(frames, tmp_path / "bad"))
    cfg = DataConfig(view="utterances", sample_rate=RATE, batch_size=4, workers=0)
    loader = Loader(build_view(cfg, pool), seed=0)
    assert all(torch.isfinite(batch.wave_BL).all() for batch in loader)
    assert bad in capsys.readouterr().err and len(loader.skipped) == 1


def spans(manifest) -> list[tuple[str, float, float]]:
    return [(u.id, 0.1, 0.1 + 0.05 * (1 + number % 3)) for number, u in enumerate(manifest)]


@pytest.mark.parametrize("kind", ["audio", "arrays"])
def test_segments_are_cut_at_their_times(manifest, arrays, kind):
    pool = Pool(manifest, sample_rate=RATE) if kind == "audio" else pool_of(manifest, arrays)
    view = Segments(SegmentsConfig(batch_size=5, max_seconds=0.12, drop_last=False), pool, spans(manifest))
    seen = []
    for batch in Loader(view, seed=1):
        for b, name in enumerate(batch.ids):
            seen.append(name)
            number = [pool.id(n) for n in range(len(pool))].index(name)
            count = min(round(0.05 * (1 + number % 3) * pool.sample_rate), round(0.12 * pool.sample_rate))
            assert batch.lengths_B[b] == count
            expected = torch.from_numpy(pool.read(number, start=round(0.1 * pool.sample_rate), count=count))
            assert torch.equal(batch.wave_BL[b, :count], expected)
    assert sorted(seen) == sorted(u.id for u in manifest)


@pytest.mark.parametrize("kind", ["audio", "arrays"])
def test_pairs_carry_their_partner_in_both_directions(manifest, arrays, kind):
    pool = Pool(manifest, sample_rate=RATE) if kind == "audio" else pool_of(manifest, arrays)
    listed = spans(manifest)
    pairs = list(zip(listed[::2], listed[1::2], strict=True))
    view = Pairs(PairsConfig(batch_size=6, drop_last=False), pool, pairs)
    met = set()
    for batch in Loader(view, seed=1):
        assert len(batch.other) == len(batch)
        assert batch.seeds == batch.other.seeds
        met |= set(zip(batch.ids, batch.other.ids, strict=True))
        assert (batch.other.frames().x_BTD[~batch.other.frames().mask_BT] == 0).all()
    true = {(a[0], b[0]) for a, b in pairs}
    assert met == true | {(b, a) for a, b in true}
    one_way = Pairs(PairsConfig(batch_size=6, both_ways=False, drop_last=False), pool, pairs)
    assert {
        (a, b) for batch in Loader(one_way, seed=1) for a, b in zip(batch.ids, batch.other.ids, strict=True)
    } == true


def test_pairs_tell_which_words_are_the_same(manifest, arrays):
    pool = pool_of(manifest, arrays)
    listed = spans(manifest)
    pairs = list(zip(listed[::2], listed[1::2], strict=True))
    labels = (["b", "?", "a", "b", "?", "a"] * len(pairs))[: len(pairs)]
    view = Pairs(PairsConfig(batch_size=100, drop_last=False), pool, pairs, labels)
    (batch,) = Loader(view, seed=1)
    label_of = {frozenset((a[0], b[0])): label for (a, b), label in zip(pairs, labels, strict=True)}
    names = [frozenset(both) for both in zip(batch.ids, batch.other.ids, strict=True)]
    numbers = batch.extras["word_B"]
    assert len(numbers) == len(batch) == 2 * len(pairs)
    for i, one in enumerate(names):
        for j, two in enumerate(names):
            same = one == two or label_of[one] == label_of[two] != "?"
            assert (numbers[i] == numbers[j]) == same
    (unlabelled,) = Loader(Pairs(PairsConfig(batch_size=100, drop_last=False), pool, pairs), seed=1)
    assert len(set(unlabelled.extras["word_B"].tolist())) == len(pairs)


def test_what_a_pool_lacks_is_counted(manifest, arrays):
    pool = pool_of(manifest, arrays)
    listed = [*spans(manifest), ("nowhere", 0.0, 0.5), (pool.id(0), 900.0, 901.0)]
    assert Segments(SegmentsConfig(batch_size=2), pool, listed).missing == 2
    pairs = list(zip(listed, listed[1:], strict=False))
    assert Pairs(PairsConfig(batch_size=2), pool, pairs).missing == 2


def test_lists_of_another_corpus_are_refused(manifest, arrays):
    pool = pool_of(manifest, arrays)
    strange = [("nowhere", 0.0, 0.5)]
    with pytest.raises(SonantError, match="none of 1 segments"):
        Segments(SegmentsConfig(), pool, strange)
    with pytest.raises(SonantError, match="none of 1 pairs"):
        Pairs(PairsConfig(), pool, [(strange[0], strange[0])])


def test_segments_of_like_length_come_together_once_each(manifest, arrays):
    pool = pool_of(manifest, arrays)
    rng = np.random.default_rng(0)
    listed = [(pool.id(int(rng.integers(len(pool)))), 0.0, 0.05 + 0.01 * int(rng.integers(40))) for _ in range(130)]
    view = Segments(SegmentsConfig(batch_size=4, max_seconds=None), pool, listed)
    for key in (1, 2):
        batches = [view.batch(index, key) for index in range(view.steps)]
        chosen = np.concatenate(batches)
        assert len(chosen) == len(set(chosen.tolist())) == 4 * (len(view.usable) // 4)
        spread = np.mean([np.ptp(view.spans.count[batch]) for batch in batches])
        assert spread < 0.5 * np.mean(
            [np.ptp(view.spans.count[batch]) for batch in np.split(chosen[rng.permutation(len(chosen))], view.steps)]
        )
    assert not np.array_equal(view.batch(0, 1), view.batch(0, 2))
