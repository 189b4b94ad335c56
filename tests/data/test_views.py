from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.pool import Pool
from sonant.data.views import chunks, crops, speakers, utterances

RATE = 8000


@pytest.fixture
def pool(manifest):
    return Pool(manifest, sample_rate=RATE)


def epoch(view, key):
    return [view.batch(index, key) for index in range(view.steps)]


@pytest.mark.parametrize("group", ["none", "utterance", "speaker"])
@pytest.mark.parametrize("key", [None, 5])
def test_chunks_come_once_each(pool, group, key):
    cfg = chunks.Config(seconds=0.2, batch_size=4, group=group, drop_last=False)
    view = chunks.Chunks(cfg, pool)
    batches = epoch(view, key)
    assert sorted(np.concatenate(batches)) == list(range(len(view)))
    assert len(view) == int((pool.samples // 1600).sum())
    if group != "none":
        for batch in batches:
            members = [view.utterance_of(example) for example in batch]
            assert len({pool.speaker[u] if group == "speaker" else u for u in members}) == 1


def test_chunks_that_are_dropped_change_with_the_epoch(pool):
    view = chunks.Chunks(chunks.Config(seconds=0.2, batch_size=7, group="speaker"), pool)
    batches = epoch(view, 1)
    assert {len(batch) for batch in batches} == {7}
    missing = [set(range(len(view))) - set(np.concatenate(epoch(view, key)).tolist()) for key in (1, 2)]
    assert missing[0] != missing[1]
    assert len(missing[0]) < 4 * 7


def test_windows_tile_the_utterance_and_move_with_the_epoch(pool):
    view = chunks.Chunks(chunks.Config(seconds=0.2, batch_size=4), pool)
    whole = pool.read(0)
    count = len(whole) // 1600
    for key in (None, 1, 2):
        joined = np.concatenate([view.read(example, key=key, seed=0) for example in range(count)])
        starts = [s for s in range(len(whole) - len(joined) + 1) if np.array_equal(whole[s : s + len(joined)], joined)]
        assert len(starts) == 1
        assert (starts[0] == 0) == (key is None)


def test_short_utterances_are_dropped_or_padded(pool):
    dropped = chunks.Chunks(chunks.Config(seconds=1.0, batch_size=4), pool)
    padded = chunks.Chunks(chunks.Config(seconds=1.0, batch_size=4, short="pad"), pool)
    short = int((pool.samples < RATE).sum())
    assert short > 0
    assert len(padded) == len(dropped) + short
    lengths = [len(padded.read(example, key=3, seed=0)) for example in range(len(padded))]
    assert min(lengths) == pool.samples.min()
    assert max(lengths) == RATE
    with pytest.raises(SonantError, match=r"no utterance is as long as a window of 9 s"):
        chunks.Chunks(chunks.Config(seconds=9.0), pool)


def test_crops_are_windows_of_one_utterance(pool):
    view = crops.Crops(crops.Config(seconds=0.4, views=3, batch_size=5), pool)
    assert view.steps == 24 // 5
    used = np.concatenate(epoch(view, 9))
    assert len(set(used.tolist())) == 20
    views = view.read(3, key=9, seed=1)
    assert views.shape == (3, 3200)
    whole = pool.read(3)
    windows = np.lib.stride_tricks.sliding_window_view(whole, 3200)
    places = [int(np.flatnonzero((windows == one).all(axis=1))[0]) for one in views]
    assert len(set(places)) == 3


@pytest.mark.parametrize("key", [None, 4])
@pytest.mark.parametrize("drop_last", [True, False])
def test_utterances_fill_batches_by_length(pool, key, drop_last):
    cfg = utterances.Config(batch_size=6, batch_seconds=4.0, drop_last=drop_last)
    view = utterances.Utterances(cfg, pool)
    batches = epoch(view, key)
    used = np.concatenate(batches).tolist()
    assert len(used) == len(set(used))
    assert len(used) == 24 or drop_last
    for batch in batches:
        assert view.size(batch) * len(batch) <= 4.0 * RATE
        assert len(batch) <= 6


def test_buckets_hold_little_padding_and_change_with_the_epoch(monkeypatch, pool):
    monkeypatch.setattr(utterances, "BATCHES_PER_BUCKET", 2)
    view = utterances.Utterances(utterances.Config(batch_size=3), pool)
    batches = epoch(view, 1)
    assert len(batches) == 8
    padded = sum(view.size(batch) * len(batch) for batch in batches)
    assert padded < 1.35 * pool.samples.sum()
    assert {tuple(sorted(batch)) for batch in batches} != {tuple(sorted(batch)) for batch in epoch(view, 2)}


def test_long_utterances_are_cropped_or_dropped(pool):
    cropped = utterances.Utterances(utterances.Config(max_seconds=1.0, batch_size=4), pool)
    example = int(pool.samples.argmax())
    one, other = (cropped.read(example, key=1, seed=seed) for seed in (1, 2))
    assert len(one) == len(other) == RATE
    assert not np.array_equal(one, other)
    assert max(cropped.size(batch) for batch in epoch(cropped, 1)) == RATE
    dropped = utterances.Utterances(utterances.Config(max_seconds=1.0, long="drop", batch_size=4), pool)
    assert len(dropped.sorted) == (pool.samples <= RATE).sum()


@pytest.mark.parametrize("key", [None, 8])
def test_speakers_come_speaker_by_speaker(pool, key):
    view = speakers.Speakers(speakers.Config(speakers=3, utterances=2, seconds=0.3), pool)
    assert view.steps == 4
    for batch in epoch(view, key):
        speaker_SU = pool.speaker[batch].reshape(3, 2)
        assert (speaker_SU == speaker_SU[:, :1]).all()
        assert len(set(speaker_SU[:, 0])) == 3
        assert all(len(set(pair)) == 2 for pair in batch.reshape(3, 2).tolist())


def test_speakers_say_everything_before_they_repeat(pool):
    view = speakers.Speakers(speakers.Config(speakers=4, utterances=2, seconds=0.3), pool)
    counts = Counter(np.concatenate(epoch(view, 1)).tolist())
    assert counts == dict.fromkeys(range(24), 1)
    few = speakers.Speakers(speakers.Config(speakers=4, utterances=8, seconds=0.3), pool)
    assert few.batch(0, 1).shape == (32,)
    with pytest.raises(SonantError, match="only 4 have utterances"):
        speakers.Speakers(speakers.Config(speakers=5, seconds=0.3), pool)


def test_spares_are_relatives_first(pool):
    view = speakers.Speakers(speakers.Config(speakers=3, utterances=2, seconds=0.3), pool)
    batch = view.batch(1, 6)
    assert view.spare(1, 6, position=2, attempt=1) == batch[3]
    assert view.spare(1, 6, position=3, attempt=1) == batch[2]
    assert view.spare(1, 6, position=3, attempt=2) == view.batch(2, 6)[3]


def test_the_pool_averages_channels_and_resamples(tmp_path):
    import soundfile

    from sonant.data.manifest import ManifestWriter, Utterance

    left = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "x.wav", np.stack([left, -left], axis=1), RATE, subtype="FLOAT")
    with ManifestWriter(tmp_path) as writer:
        writer.add(Utterance(id="both", path=str(tmp_path / "x.wav"), channel=None))
        writer.add(Utterance(id="right", path=str(tmp_path / "x.wav"), channel=1, start=0.25, duration=0.5))
        pool = Pool(writer.finish(), sample_rate=RATE)
    assert np.abs(pool.read(0)).max() < 1e-7
    np.testing.assert_allclose(pool.read(1, start=10, count=20), -left[2010:2030], atol=1e-7)
    assert Pool(pool.manifest, sample_rate=16_000).samples.tolist() == [16_000, 8000]
    with pytest.raises(SonantError, match=r"min_seconds=2; the longest of 2 lasts 1\.00 s"):
        Pool(pool.manifest, sample_rate=RATE, min_seconds=2)
