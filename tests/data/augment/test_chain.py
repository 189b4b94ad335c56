"""Noise files of a folder, and the whole of augmentation in the loader."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sonant.build import resolve
from sonant.core import SonantError
from sonant.data.augment.chain import Augmenter
from sonant.data.augment.config import AugmentConfig
from sonant.data.augment.noise import decibels
from sonant.data.augment.sounds import Sounds
from sonant.data.config import DataConfig, build_loaders
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.recipes import musan

RATE = 8000


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Speech at 8 kHz with a manifest, MUSAN-like noises and impulse responses, one of them with three channels."""
    root, rng = tmp_path_factory.mktemp("augment"), np.random.default_rng(0)

    def put(name, samples, *, channels=1, rate=RATE):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal((samples, channels)), rate)
        return path

    with ManifestWriter(root / "corpus", name="c") as writer:
        for number in range(12):
            path = put(f"speech/s{number}.wav", 6000 + 700 * number)
            writer.add(Utterance(id=f"s{number}", path=str(path), speaker=str(number % 4)))
        writer.finish()
    for kind in ("music", "speech", "noise"):
        put(f"musan/{kind}/set/{kind}-a-0000.wav", 12_000)
        put(f"musan/{kind}/set/{kind}-a-0001.wav", 1500, rate=16_000)
    put("rirs/one.wav", 400)
    put("rirs/three.wav", 300, channels=3)
    return root


def sounds(where, **options) -> Sounds:
    return Sounds(where, **{"sample_rate": RATE, "cache_mb": 10, "setting": "augment.noise", **options})


def draws(source: Sounds, times: int, **options) -> list[np.ndarray]:
    return [source.draw(np.random.default_rng(seed), **options) for seed in range(times)]


def test_kinds_are_told_by_folders_names_and_manifests(tree, tmp_path):
    assert sounds(tree / "musan").kinds == ("noise", "speech", "music")
    assert sounds(tree / "rirs").kinds == ("noise",)
    musan.prepare(tree / "musan", tmp_path / "m", kinds="music,speech")
    assert sounds(tmp_path / "m").kinds == ("speech", "music")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (tree / "musan").rglob("*0001.wav"):
        (flat / path.name).symlink_to(path)
    assert sounds(flat).kinds == ("noise", "speech", "music")
    assert sounds(tree / "musan" / "music").kinds == ("music",)


def test_what_is_drawn_does_not_depend_on_the_cache(tree):
    for options in ({}, {"count": 2000}, {"kind": "speech", "count": 500}):
        kept, read, part = (draws(sounds(tree / "musan", cache_mb=mb), 20, **options) for mb in (10, 0, 0.05))
        for a, b, c in zip(kept, read, part, strict=True):
            assert len(a) == options.get("count", len(a))
            np.testing.assert_allclose(a, b, atol=2e-4)  # 16 bits, and the ends of resampled windows
            np.testing.assert_allclose(a, c, atol=2e-4)
    shortest = sounds(tree / "musan", cache_mb=0.002).place
    assert (shortest >= 0).sum() == 1


def test_short_files_are_repeated_and_one_channel_is_drawn(tree):
    rirs = sounds(tree / "rirs", exact=True)
    file, _ = soundfile.read(tree / "rirs" / "three.wav", dtype="float32")
    heard = draws(rirs, 60)
    assert {len(one) for one in heard} == {400, 300}
    of_three = {int(np.flatnonzero((one == file.T).all(1))[0]) for one in heard if len(one) == 300}
    assert of_three == {0, 1, 2}
    long = rirs.draw(np.random.default_rng(3), count=1000)
    period = 400 if np.array_equal(long[:400], long[400:800]) else 300
    assert np.array_equal(long[:period], long[period : 2 * period])


def test_a_bad_file_is_named_and_another_taken(tree, tmp_path):
    for path in (tree / "musan" / "noise" / "set").glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "cut.flac", 0.1 * np.random.default_rng(0).standard_normal(40_000), RATE)
    content = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    source, skipped = sounds(tmp_path), {}
    assert [path.rsplit("/", 1)[1] for path in source.unusable] == ["bad.wav"]
    assert all(len(one) == 100 for one in draws(source, 20, count=100, skipped=skipped))
    assert [path.rsplit("/", 1)[1] for path in skipped] == ["cut.flac"]
    with pytest.raises(SonantError, match=r"cut\.flac"):
        draws(source, 20, count=100)
    with pytest.raises(SonantError, match=r"bad\.wav"):
        Augmenter(AugmentConfig(noise=str(tmp_path)), sample_rate=RATE, strict=True)


def test_folders_without_audio(tmp_path):
    with pytest.raises(SonantError, match=r"augment.noise '.*' holds no audio"):
        sounds(tmp_path)
    with pytest.raises(SonantError, match="is no folder"):
        sounds(tmp_path / "nothing")
    (tmp_path / "x.wav").write_bytes(b"nothing")
    with pytest.raises(SonantError, match="holds no audio that can be read"):
        sounds(tmp_path)


def settings(tree, **changes) -> AugmentConfig:
    return AugmentConfig(**{"noise": str(tree / "musan"), "rirs": str(tree / "rirs"), **changes})


def loaders(tree, augment, **changes):
    sizes = {"batch_size": 4, "chunk_seconds": 0.5, "workers": 0, "valid_fraction": 0.3, "cache_mb": 0}
    data = {"train": str(tree / "corpus"), "view": "crops", "sample_rate": RATE, **sizes, **changes}
    return build_loaders(DataConfig(**data), augment=augment, seed=5)


def batches(tree, augment, steps=3, start=0, **changes):
    return list(loaders(tree, augment, **changes)[0].batches(start, steps))


def same(first, second) -> bool:
    return all(
        a.ids == b.ids and set(a.extras) == set(b.extras)
        and torch.equal(a.wave_BL, b.wave_BL) and all(torch.equal(a.extras[n], b.extras[n]) for n in a.extras)
        for a, b in zip(first, second, strict=True)
    )  # fmt: skip


EVERYTHING = {"speeds": (0.9, 1.0, 1.1), "gain_db": (-6.0, 6.0), "clip_prob": 0.5, "codec_prob": 0.3,
              "speech_files": (3, 8), "keep_clean": True, "strategy": "all", "prob": 0.9}  # fmt: skip


@pytest.mark.parametrize("cache_mb", [0, 10])
def test_batches_are_a_function_of_seed_and_step(tree, cache_mb):
    augment = settings(tree, **EVERYTHING, cache_mb=cache_mb)
    options = {"local_views": 2, "local_seconds": 0.2, "cache_mb": cache_mb}
    whole = batches(tree, augment, 6, **options)
    assert same(whole[2:], batches(tree, augment, 4, start=2, **options))
    for workers in (1, 2):
        assert same(whole, batches(tree, augment, 6, workers=workers, **options))
    parts = [batches(tree, augment, 6, **options) for _ in range(2)]
    assert same(*parts)


def test_shapes_and_types_stay(tree):
    batch = batches(tree, settings(tree, **EVERYTHING), local_views=3, local_seconds=0.2)[0]
    assert batch.extras["views"].shape == batch.extras["clean_views"].shape == (4, 2, 4000)
    assert batch.extras["local_views"].shape == (4, 3, 1600)
    assert batch.lengths_B.tolist() == [4000] * 4
    assert torch.equal(batch.wave_BL, batch.extras["views"][:, 0])
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in batch.extras.values())
    assert not torch.equal(batch.extras["views"], batch.extras["clean_views"])


def test_views_are_augmented_apart_and_clean_ones_are_what_was_read(tree):
    plain = batches(tree, None)
    heard = batches(tree, settings(tree, keep_clean=True))
    for a, b in zip(plain, heard, strict=True):
        assert torch.equal(a.extras["views"], b.extras["clean_views"])
        assert a.seeds == b.seeds
    one = Augmenter(settings(tree), sample_rate=RATE)
    twice = one(np.tile(plain[0].wave_BL[0].numpy(), (2, 1)), 3, skipped={})
    assert not np.allclose(twice[0], twice[1], atol=1e-3)


def test_ratios_are_those_of_the_configuration(tree):
    x = plain = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    for kind, changes in (("noise", {}), ("music", {"music_snr": (3.0, 4.0)}), ("speech", {"speech_files": (2, 2)})):
        cfg = AugmentConfig(noise=str(tree / "musan" / kind), **changes)
        one = Augmenter(cfg, sample_rate=RATE)
        ratios = [decibels(x) - decibels(one(plain, seed, skipped={}) - x) for seed in range(60)]
        low, high = cfg.snr_of(kind)
        shift = 10 * np.log10(2) if kind == "speech" else 0
        slack = 1.5 if kind == "speech" else 0.2
        assert min(ratios) > low - shift - slack and max(ratios) < high + slack
        assert max(ratios) - min(ratios) > 0.6 * (high - low)


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [
        ("reverb", {"rn": 0, "r": 1, "n": 0, "": 0}),
        ("noise", {"rn": 0, "r": 0, "n": 1, "": 0}),
        ("reverb|noise", {"rn": 0, "r": 0.5, "n": 0.5, "": 0}),
        (None, {"rn": 1, "r": 0, "n": 0, "": 0}),
        ("all", {"rn": 0.25, "r": 0.25, "n": 0.25, "": 0.25}),
    ],
)
def test_strategies(tree, monkeypatch, strategy, shares):
    done = []
    monkeypatch.setattr("sonant.data.augment.chain.reverberate", lambda wave, rir: done.append("r") or wave)
    monkeypatch.setattr("sonant.data.augment.chain.add_noise", lambda wave, *_: done.append("n") or wave)
    one, x = Augmenter(settings(tree, strategy=strategy), sample_rate=RATE), np.ones(100, np.float32)
    found = []
    for seed in range(300):
        done.clear()
        one(x, seed, skipped={})
        found.append("".join(done))
    for what, share in shares.items():
        assert found.count(what) / 300 == pytest.approx(share, abs=0.08 if 0 < share < 1 else 0)


def test_the_probability_leaves_crops_clean(tree):
    one, x = Augmenter(settings(tree, prob=0.25), sample_rate=RATE), np.ones(100, np.float32)
    clean = sum(np.array_equal(one(x, seed, skipped={}), x) for seed in range(300))
    assert clean / 300 == pytest.approx(0.75, abs=0.08)


def test_validation_is_clean_unless_wanted(tree):
    plain, heard, wanted = (
        next(iter(loaders(tree, augment)[1])) for augment in (None, settings(tree), settings(tree, valid=True))
    )
    assert torch.equal(plain.wave_BL, heard.wave_BL)
    assert not torch.equal(plain.wave_BL, wanted.wave_BL)
    kept = next(iter(loaders(tree, settings(tree, keep_clean=True))[1]))
    assert torch.equal(kept.extras["clean_views"], kept.extras["views"])


@pytest.mark.parametrize("view", ["chunks", "utterances", "speakers"])
def test_other_views_are_augmented_within_their_length(tree, view):
    options = {"view": view, "speakers_per_batch": 2, "utterances_per_speaker": 2, "short": "drop", "valid_fraction": 0}
    plain, heard = (batches(tree, augment, **options) for augment in (None, settings(tree)))
    for a, b in zip(plain, heard, strict=True):
        assert torch.equal(a.lengths_B, b.lengths_B) and not torch.equal(a.wave_BL, b.wave_BL)
        for wave, length in zip(b.wave_BL, b.lengths_B, strict=True):
            assert not wave[length:].any()
    with pytest.raises(SonantError, match="augment.speeds is for the view crops"):
        loaders(tree, settings(tree, speeds=(0.9,)), **options)


def test_an_unreadable_noise_is_named_in_training(tree, tmp_path, capsys):
    for path in (tree / "musan" / "noise" / "set").glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    loaders(tree, AugmentConfig(noise=str(tmp_path)))
    assert "skipped in augmentation: " in capsys.readouterr().err


def test_the_section_of_a_configuration(tree):
    base = {"encoder": "cpc_conv", "context": "identity", "method": "cpc"}
    assert resolve(base).augment == AugmentConfig()
    given = {"noise": str(tree / "musan"), "noise_snr": [0, 10], "speeds": [0.9, 1.1], "strategy": "noise"}
    run = resolve({**base, "augment": given})
    assert run.augment.noise_snr == (0.0, 10.0) and run.augment.speeds == (0.9, 1.1)
    assert run.plain()["augment"]["noise_snr"] == [0.0, 10.0]
    assert resolve(run.plain()) == run
    with pytest.raises(SonantError, match="unknown key 'noises'.*Did you mean 'noise'"):
        resolve({**base, "augment": {"noises": "x"}})
    with pytest.raises(SonantError, match="needs augment.noise"):
        resolve({**base, "augment": {"strategy": "noise"}})


def test_real_noises_and_rooms(data_dir):
    cfg = AugmentConfig(noise=str(data_dir / "noise-rir" / "noise"), rirs=str(data_dir / "noise-rir" / "rir"))
    one = Augmenter(cfg, sample_rate=16_000)
    assert (len(one.noise), len(one.rirs), len(one.rirs.tracks)) == (10, 7, 14)
    heard = one(0.1 * np.random.default_rng(0).standard_normal((8, 16_000)).astype(np.float32), 1, skipped={})
    assert heard.dtype == np.float32 and np.isfinite(heard).all()
