from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.data.config import DataConfig, build_loaders, build_view
from sonant.data.loader import Loader
from sonant.data.manifest import Manifest
from sonant.data.pool import Pool

RATE = 8000
VIEWS = ["chunks", "crops", "utterances", "speakers"]


def config(view: str = "chunks", **changes) -> DataConfig:
    sizes = {"batch_size": 4, "chunk_seconds": 0.3, "speakers_per_batch": 2, "utterances_per_speaker": 2}
    return DataConfig(**{"view": view, "sample_rate": RATE, "workers": 0, **sizes, **changes})


def loader(manifest, view: str = "chunks", *, changes=None, **options) -> Loader:
    cfg = config(view, **(changes or {}))
    pool = Pool(manifest, sample_rate=RATE, cache_mb=cfg.cache_mb)
    return Loader(build_view(cfg, pool), **{"seed": 7, **options})


def same(a, b) -> bool:
    return (
        torch.equal(a.wave_BL, b.wave_BL)
        and torch.equal(a.lengths_B, b.lengths_B)
        and torch.equal(a.speaker_B, b.speaker_B)
        and (a.ids, a.seeds, set(a.extras)) == (b.ids, b.seeds, set(b.extras))
        and all(torch.equal(a.extras[name], b.extras[name]) for name in a.extras)
    )


def all_same(first, second) -> bool:
    return all(same(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("view", VIEWS)
def test_batches_have_the_documented_shapes(manifest, view):
    batch = next(loader(manifest, view).batches())
    window = 2400 if view != "utterances" else int(batch.lengths_B.max())
    assert batch.wave_BL.shape == (4, window)
    assert batch.wave_BL.dtype == torch.float32
    assert (batch.lengths_B <= window).all()
    for wave, length in zip(batch.wave_BL, batch.lengths_B, strict=True):
        assert wave[:length].abs().sum() > 0
        assert wave[length:].abs().sum() == 0
    assert [manifest.speakers[speaker] for speaker in batch.speaker_B] == [id[0] for id in batch.ids]
    assert len(set(batch.seeds)) == 4
    if view == "crops":
        assert batch.extras["views"].shape == (4, 2, 2400)
        assert torch.equal(batch.extras["views"][:, 0], batch.wave_BL)


@pytest.mark.parametrize("view", VIEWS)
def test_workers_change_nothing(manifest, view):
    reference = list(loader(manifest, view).batches(3, 8))
    for workers in (1, 2):
        assert all_same(reference, loader(manifest, view, workers=workers).batches(3, 8))


@pytest.mark.parametrize("view", VIEWS)
def test_a_run_resumes_at_any_step(manifest, view):
    one = loader(manifest, view)
    whole = list(one.batches(0, 2 * one.steps_per_epoch + 3))
    for step in (1, one.steps_per_epoch - 1, one.steps_per_epoch + 1):
        assert all_same(whole[step:], loader(manifest, view).batches(step, len(whole) - step))


@pytest.mark.parametrize("view", VIEWS)
def test_slices_of_the_ranks_are_the_global_batch(manifest, view):
    whole = list(loader(manifest, view).batches(2, 4))
    parts = [list(loader(manifest, view, rank=rank, world=2).batches(2, 4)) for rank in (0, 1)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch.wave_BL, torch.cat([first.wave_BL, second.wave_BL]))
        assert torch.equal(batch.lengths_B, torch.cat([first.lengths_B, second.lengths_B]))
        assert batch.seeds == first.seeds + second.seeds
        assert batch.ids == first.ids + second.ids


def test_ranks_get_equal_shares_in_training_and_all_in_validation(manifest):
    changes = {"batch_size": 5}
    for shuffle, sizes in ((True, [2, 2]), (False, [2, 3])):
        parts = [
            next(loader(manifest, changes=changes, rank=rank, world=2, shuffle=shuffle).batches()) for rank in (0, 1)
        ]
        assert [len(part) for part in parts] == sizes
    for rank in (0, 1):  # vectors of crops are gathered in validation too
        part = next(loader(manifest, "crops", changes=changes, rank=rank, world=2, shuffle=False).batches())
        assert len(part) == 2
    tiny = [next(loader(manifest, changes={"batch_size": 1}, rank=rank, world=3).batches()) for rank in range(3)]
    assert [len(part) for part in tiny] == [1, 1, 1]


def test_epochs_differ_and_seeds_matter(manifest):
    one = loader(manifest)
    first, second = (list(one.batches(start, one.steps_per_epoch)) for start in (0, one.steps_per_epoch))
    assert not all_same(first, second)
    assert not all_same(first, loader(manifest, seed=8).batches(0, one.steps_per_epoch))
    fixed = loader(manifest, shuffle=False)
    assert torch.equal(next(fixed.batches(0, 1)).wave_BL, next(fixed.batches(fixed.steps_per_epoch, 1)).wave_BL)


def test_iterating_gives_one_epoch_every_time(manifest):
    one = loader(manifest, shuffle=False, workers=1)
    assert len(one) == one.steps_per_epoch
    assert all_same(list(one), list(one))


def test_reading_leaves_the_global_generator_alone(manifest):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for workers in (0, 1):
        list(loader(manifest, workers=workers).batches(0, 2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("view", VIEWS)
def test_the_cache_changes_at_most_rounding(manifest, view):
    plain = list(loader(manifest, view).batches(0, 6))
    cached = loader(manifest, view, changes={"cache_mb": 10})
    assert cached.view.pool.cache is not None
    for workers in (0, 2):
        kept = list(loader(manifest, view, changes={"cache_mb": 10}, workers=workers).batches(0, 6))
        assert all_same(plain, kept)  # the files hold 16-bit samples
    assert loader(manifest, view, changes={"cache_mb": 0}).view.pool.cache is None


def damage(manifest: Manifest, name: str) -> None:
    path = next(manifest.folder.parent.glob(f"tree/*/{name}.wav"))
    path.write_bytes(b"no audio any more")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_file_is_named_counted_and_replaced(own_manifest, view, workers, capsys):
    damage(own_manifest, "b-2")
    damage(own_manifest, "c-1")
    one = loader(own_manifest, view, workers=workers)
    batches = list(one.batches(0, 2 * one.steps_per_epoch))
    assert all(len(batch) == 4 for batch in batches)
    assert not {"b-2", "c-1"} & {id for batch in batches for id in batch.ids}
    assert sorted(path.rsplit("/", 1)[-1] for path in one.skipped) == ["b-2.wav", "c-1.wav"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("sonant: skipped in training: '") for line in lines)
    assert all_same(batches, loader(own_manifest, view).batches(0, len(batches)))
    if view == "speakers":
        assert all(len(set(batch.speaker_B[pair].tolist())) == 1 for batch in batches for pair in ([0, 1], [2, 3]))


@pytest.mark.parametrize("workers", [0, 1])
def test_strict_stops_at_a_bad_file_in_one_line(own_manifest, workers):
    damage(own_manifest, "b-2")
    one = loader(own_manifest, workers=workers, strict=True)
    with pytest.raises(SonantError, match=r"b-2\.wav' cannot be read as audio") as error:
        list(one.batches(0, one.steps_per_epoch))
    assert "\n" not in str(error.value)


def test_a_lost_disk_is_an_error(own_manifest):
    for path in own_manifest.folder.parent.glob("tree/*/*.wav"):
        path.unlink()
    with pytest.raises(SonantError, match="100 examples in a row cannot be read.*no audio file"):
        next(loader(own_manifest).batches())


def test_a_file_that_became_shorter_is_a_bad_file(own_manifest):
    import soundfile

    path = next(own_manifest.folder.parent.glob("tree/a/a-0.wav"))
    wave, _ = soundfile.read(path)
    soundfile.write(path, wave[: len(wave) // 2], RATE)
    one = loader(own_manifest)
    list(one.batches(0, one.steps_per_epoch))
    (reason,) = one.skipped.values()
    assert "a-0.wav" in reason


@pytest.mark.parametrize("cache_mb", [0, 10])
def test_workers_may_be_started_by_spawn(manifest, cache_mb):
    one = loader(manifest, changes={"cache_mb": cache_mb})
    copied = pickle.loads(pickle.dumps(one._batches))  # what a spawned worker receives
    assert all(same(copied[step].batch, batch) for step, batch in enumerate(one.batches(0, 5)))


def test_endless_iteration_crosses_epochs(manifest):
    one = loader(manifest, "speakers", workers=1)
    assert len(list(itertools.islice(one.batches(), 3 * one.steps_per_epoch))) == 3 * one.steps_per_epoch


@pytest.mark.parametrize("options", [{"rank": 2, "world": 2}, {"workers": -1}])
def test_impossible_options(manifest, options):
    with pytest.raises(SonantError):
        loader(manifest, **options)


def test_build_loaders_holds_out_a_part(manifest):
    cfg = config(train=str(manifest.folder), valid_fraction=0.25)
    train, valid = build_loaders(cfg, seed=1)
    kept, held = ({train.view.pool.id(i) for i in range(len(train.view.pool))} for train in (train, valid))
    assert len(held) == 6
    assert not kept & held
    assert all_same(list(valid), list(valid))
    again = build_loaders(cfg, seed=2)[1]
    assert [batch.ids for batch in again] == [batch.ids for batch in valid]  # the same part for every seed
    assert not same(next(iter(train)), next(iter(build_loaders(cfg, seed=2)[0])))


def test_build_loaders_by_speaker_and_from_a_manifest(manifest):
    train, valid = build_loaders(config("speakers", train=str(manifest.folder), valid_fraction=0.2, valid_by="speaker"))
    assert len(np.unique(valid.view.pool.speaker)) == 1
    assert valid.view.cfg.speakers == 1
    assert not set(train.view.pool.speaker) & set(valid.view.pool.speaker)
    assert build_loaders(config(train=str(manifest.folder), valid_fraction=0.0))[1] is None
    other = build_loaders(config(train=str(manifest.folder), valid=str(manifest.folder)))[1]
    assert len(other.view.pool) == 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": None}, "data.train names no manifest"),
        ({"train": "/nowhere/corpus"}, "no manifest folder '/nowhere/corpus'"),
        ({"view": "chunk"}, "unknown view 'chunk'. Did you mean 'chunks'?"),
        ({"chunk_seconds": 30.0}, "lower the window"),
    ],
)
def test_wrong_configurations_are_answered(manifest, changes, message):
    with pytest.raises(SonantError) as error:
        build_loaders(config(**{"train": str(manifest.folder), **changes}))
    assert message in str(error.value)


def test_batches_by_speaker_need_speakers(tree, tmp_path):
    from sonant.data.recipes import folder

    folder.prepare(tree, tmp_path / "m", speaker_from="none")
    with pytest.raises(SonantError, match="need a speaker for every utterance"):
        build_loaders(config(train=str(tmp_path / "m"), group="speaker"))
    assert next(build_loaders(config(train=str(tmp_path / "m")))[0].batches()).speaker_B is None


def test_a_part_of_every_speaker(manifest):
    def ids(fraction: float) -> set[str]:
        cfg = config(fraction=fraction, valid_fraction=0.0, short="pad", train=str(manifest.folder))
        return {manifest.utterance(int(i)).id for i in build_loaders(cfg)[0].view.pool.index}

    everything, half = ids(1.0), ids(0.5)
    speaker = {u.id: u.speaker for u in manifest}
    assert half < everything and half == ids(0.5)
    for name in manifest.speakers:
        there, kept = (sum(speaker[id] == name for id in chosen) for chosen in (everything, half))
        assert kept == max(round(there / 2), 1)
    assert len(ids(0.001)) == len(manifest.speakers)
    with pytest.raises(SonantError, match="in \\(0, 1\\]"):
        build_loaders(config(fraction=0.0, train=str(manifest.folder)))
