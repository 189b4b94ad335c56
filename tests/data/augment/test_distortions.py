"""The distortions of PASE+ in the chain: each by itself, seeded, at its probability; and in the batches."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sonant.build import resolve
from sonant.core import SonantError
from sonant.data.augment.chain import Augmenter
from sonant.data.augment.config import AugmentConfig
from sonant.data.augment.level import energy
from sonant.data.augment.sounds import Sounds
from sonant.data.config import DataConfig, build_loaders
from sonant.data.manifest import ManifestWriter, Utterance

RATE = 16_000
X = np.random.default_rng(7).standard_normal(8000).astype(np.float32) * np.float32(0.1)
ALONE = {
    "reverb": {"rirs": "rirs", "reverb_prob": 1.0, "manner": "pase"},
    "overlap": {"overlap": "corpus", "overlap_prob": 1.0},
    "noise": {"noise": "noise", "noise_prob": 1.0, "noise_snrs": [0.0, 5.0, 10.0], "manner": "pase"},
    "clip": {"clip_prob": 1.0, "clip_parts": [0.1, 0.3, 0.5], "manner": "pase"},
    "chop": {"chop_prob": 1.0},
    "band drop": {"band_drop_prob": 1.0},
    "downsample": {"downsample_prob": 1.0},
}
KEEP_ENERGY = {"reverb", "overlap", "noise", "band drop"}
EVERYTHING = {key: 0.5 if key.endswith("prob") else value for one in ALONE.values() for key, value in one.items()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Speech of four speakers with a manifest, noises and impulse responses with a delay."""
    root, rng = tmp_path_factory.mktemp("distortions"), np.random.default_rng(0)

    def put(name, samples):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * samples, RATE)
        return path

    with ManifestWriter(root / "corpus", name="c") as writer:
        for number in range(12):
            path = put(f"speech/s{number}.wav", rng.standard_normal(9000 + 100 * number))
            writer.add(Utterance(id=f"s{number}", path=str(path), speaker=str(number // 3)))
        writer.finish()
    put("noise/a.wav", rng.standard_normal(12_000))
    put("noise/short.wav", rng.standard_normal(1500))
    for number in range(3):
        put(f"rirs/r{number}.wav", np.exp(-np.arange(2000) / 300) * rng.standard_normal(2000) * (np.arange(2000) > 40))
    return root


def settings(tree, given: dict) -> AugmentConfig:
    places = {key: str(tree / given[key]) for key in ("rirs", "overlap", "noise") if key in given}
    return AugmentConfig(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()} | places)


def augmenter(tree, given: dict, **options) -> Augmenter:
    return Augmenter(settings(tree, given), sample_rate=RATE, **options)


@pytest.mark.parametrize("name", ALONE)
def test_alone_it_is_seeded_and_keeps_to_what_it_says(tree, name):
    one, again = (augmenter(tree, ALONE[name]) for _ in range(2))
    heard = [one(X, seed, skipped={}) for seed in range(20)]
    assert all(wave.dtype == np.float32 and wave.shape == X.shape and np.isfinite(wave).all() for wave in heard)
    assert all(np.array_equal(wave, again(X, seed, skipped={})) for seed, wave in enumerate(heard))
    assert all(not np.array_equal(wave, X) for wave in heard)
    if name != "downsample":
        assert len({wave.tobytes() for wave in heard}) > (2 if name in ("clip", "reverb") else 18)
    if name in KEEP_ENERGY:
        assert [energy(wave) for wave in heard] == pytest.approx([energy(X)] * 20, rel=1e-4)
    two = one(np.stack([X, X]), 3, skipped={})
    assert np.array_equal(two[0], one(X, 3, skipped={}))


@pytest.mark.parametrize("name", ALONE)
def test_probabilities(tree, name):
    (prob,) = (key for key in ALONE[name] if key.endswith("prob"))
    never, sometimes = (augmenter(tree, ALONE[name] | {prob: part}) for part in (0.0, 0.3))
    assert all(np.array_equal(never(X, seed, skipped={}), X) for seed in range(10))
    changed = np.mean([not np.array_equal(sometimes(X[:1600], seed, skipped={}), X[:1600]) for seed in range(300)])
    assert changed == pytest.approx(0.3, abs=0.08)


def test_turning_one_on_leaves_the_others_as_they_were(tree):
    """Where the last of the order does not take place, everything is as without it, sample for sample."""
    for name in ("chop", "band drop", "downsample", "overlap"):
        (prob,) = (key for key in ALONE[name] if key.endswith("prob"))
        without, beside = augmenter(tree, EVERYTHING | {prob: 0.0}), augmenter(tree, EVERYTHING | {prob: 0.5})
        same = [np.array_equal(without(X, seed, skipped={}), beside(X, seed, skipped={})) for seed in range(60)]
        assert 0.3 < np.mean(same) < 0.7
        turns = [
            np.array_equal(augmenter(tree, ALONE[name] | {prob: 0.5})(X, seed, skipped={}), X) for seed in range(60)
        ]
        assert same == turns


def test_the_order(tree, monkeypatch):
    done = []
    named = {"reverberate_in_place": 0, "overlap": 1, "blend_noise": 2, "gain": 3, "clip_ends": 4, "transmit": 5}
    for name in (*named, "chop", "drop_band", "downsample"):
        monkeypatch.setattr(
            f"sonant.data.augment.chain.{name}", lambda wave, *_, name=name, **__: done.append(name) or wave
        )
    always = {key: 1.0 if key.endswith("prob") else value for key, value in EVERYTHING.items()}
    augmenter(tree, always | {"gain_db": [-1.0, 1.0], "codec_prob": 1.0})(X, 0, skipped={})
    assert done == [*named, "chop", "drop_band", "downsample"]


def test_chopped_zeros_lie_in_the_speech_of_the_clean_wave(tree):
    x = X.copy()
    x[:4000] *= np.float32(1e-3)
    noisy = {"noise": "noise", "noise_prob": 1.0, "noise_snrs": [0.0], "manner": "pase"}
    one = augmenter(tree, noisy | {"chop_prob": 1.0, "chop_seconds": [0.02]})
    zeros = [np.flatnonzero(one(x, seed, skipped={}) == 0) for seed in range(40)]
    assert all(160 <= len(places) <= 5 * 1600 for places in zeros)
    assert min(places.min() for places in zeros) > 4000 - 700
    assert min(places.min() for places in zeros) < 4500 and max(places.max() for places in zeros) > 7500
    silent = augmenter(tree, {"chop_prob": 1.0})(np.zeros(8000, np.float32), 1, skipped={})
    assert not silent.any()


def test_noise_is_not_repeated_and_ratios_come_from_the_list(tree):
    kept = tree / "noise" / "short.wav"
    (tree / "only").mkdir(exist_ok=True)
    (tree / "only" / "short.wav").write_bytes(kept.read_bytes())
    one = augmenter(tree, {**ALONE["noise"], "noise": "only"})
    found = set()
    for seed in range(40):
        heard = one(X, seed, skipped={})
        factor = heard[2000] / X[2000]
        np.testing.assert_allclose(heard[1500:], factor * X[1500:], rtol=1e-4)
        added = heard / factor - X
        found.add(round(10 * np.log10(energy(X) / energy(added)), 2))
    assert found == {0.0, 5.0, 10.0}


def test_somebody_else_speaks(tree):
    speech = Sounds(tree / "corpus", sample_rate=RATE, cache_mb=10, setting="augment.overlap")
    waves = {
        utterance: soundfile.read(tree / f"speech/s{utterance}.wav", dtype="float32")[0] for utterance in range(12)
    }

    def speakers(**options) -> set[int]:
        heard = [speech.draw(np.random.default_rng(seed), **options) for seed in range(80)]
        return {next(u // 3 for u, wave in waves.items() if np.array_equal(wave, one)) for one in heard}

    assert speakers() == {0, 1, 2, 3}
    assert speakers(avoid="2") == {0, 1, 3} and speakers(avoid="nobody") == {0, 1, 2, 3}
    one = augmenter(tree, ALONE["overlap"])
    differ = [not np.array_equal(one(X, s, skipped={}), one(X, s, speaker="1", skipped={})) for s in range(80)]
    assert np.mean(differ) == pytest.approx(0.25, abs=0.15)
    with ManifestWriter(tree / "alone", name="c") as writer:
        writer.add(Utterance(id="s", path=str(tree / "speech/s0.wav"), speaker="0"))
        writer.finish()
    with pytest.raises(SonantError, match="all are of the speaker '0'"):
        augmenter(tree, ALONE["overlap"] | {"overlap": "alone"})(X, 0, speaker="0", skipped={})
    with pytest.raises(SonantError, match="all are of the speaker '0'"):
        batches(tree, ALONE["overlap"] | {"overlap": "alone"}, 9)


def batches(tree, given: dict, steps: int = 3, start: int = 0, **changes) -> list:
    sizes = {"batch_size": 4, "chunk_seconds": 0.25, "workers": 0, "valid_fraction": 0, "cache_mb": 0}
    data = {"train": str(tree / "corpus"), "view": "crops", "short": "drop", **sizes, **changes}
    return list(build_loaders(DataConfig(**data), augment=settings(tree, given), seed=5)[0].batches(start, steps))


def test_only_the_first_view_is_distorted(tree):
    given = ALONE["chop"] | {"only_first": True, "keep_clean": True}
    for batch in batches(tree, given, views=3, local_views=2, local_seconds=0.1):
        views, clean = batch.extras["views"], batch.extras["clean_views"]
        assert torch.equal(views[:, 1:], clean[:, 1:])
        assert all(not torch.equal(view[0], own[0]) for view, own in zip(views, clean, strict=True))
    plain, first = (batches(tree, extra, local_views=2, local_seconds=0.1) for extra in ({}, given))
    for a, b in zip(plain, first, strict=True):
        assert torch.equal(a.extras["local_views"], b.extras["local_views"])
    every = batches(tree, ALONE["chop"], views=3)
    for a, b in zip(every, batches(tree, given, views=3), strict=True):
        assert torch.equal(a.extras["views"][:, 0], b.extras["views"][:, 0])


@pytest.mark.parametrize("view", ["crops", "chunks", "utterances", "speakers", "tiles"])
def test_clean_audio_is_kept_beside_every_view(tree, view):
    options = {"view": view, "speakers_per_batch": 2, "utterances_per_speaker": 2}
    plain, heard = (batches(tree, extra, **options) for extra in ({}, EVERYTHING | {"keep_clean": True}))
    name = "views" if view == "crops" else None
    for a, b in zip(plain, heard, strict=True):
        clean = a.extras["views"] if name else a.wave_BL
        assert torch.equal(b.extras["clean_views"], clean)
        assert not torch.equal(b.extras["views"] if name else b.wave_BL, clean)


def test_batches_are_a_function_of_seed_and_step(tree):
    whole = batches(tree, EVERYTHING | {"keep_clean": True}, 5)
    for a, b in zip(whole[2:], batches(tree, EVERYTHING | {"keep_clean": True}, 3, start=2, workers=1), strict=True):
        assert all(torch.equal(a.extras[name], b.extras[name]) for name in ("views", "clean_views"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reverb_prob": 1.5}, "reverb_prob is a probability"),
        ({"noise_prob": 0.5, "noise": "noise", "strategy": "noise"}, "give one or the other"),
        ({"overlap_prob": 1.5}, "overlap_prob is a probability"),
        ({"chop_prob": -0.1}, "chop_prob is a probability"),
        ({"chop_spans": [0, 2]}, "counts spans from 1"),
        ({"chop_spans": [3, 2]}, "chop_spans is a range"),
        ({"chop_seconds": [0.0]}, "chop_seconds are positive"),
        ({"chop_prob": 0.1, "chop_seconds": []}, "without any augment.chop_seconds"),
        ({"band_drop_width": [0.0, 1.0]}, "band_drop_width is positive"),
        ({"downsample_prob": 0.1, "downsample_rates": []}, "without any augment.downsample_rates"),
        ({"clip_parts": [0.3, 1.5]}, "clip_parts lie between"),
    ],
)
def test_settings_that_make_no_sense(tree, given, message):
    with pytest.raises(SonantError, match=message):
        settings(tree, given)


def test_probabilities_without_sounds_are_told(tree, capsys):
    given = {"reverb_prob": 0.5, "noise_prob": 1.0, "overlap_prob": 0.1, "keep_clean": True}
    for batch in batches(tree, given):
        assert torch.equal(batch.extras["views"], batch.extras["clean_views"])
    told = capsys.readouterr().err
    for name, sounds in (("reverb_prob 0.5", "rirs"), ("noise_prob 1", "noise"), ("overlap_prob 0.1", "overlap")):
        assert f"augment.{name} has no effect without augment.{sounds}\n" in told
    batches(tree, EVERYTHING | {"overlap_prob": None})
    assert not capsys.readouterr().err


def test_the_section_goes_through_a_configuration(tree):
    run = resolve({"encoder": "cpc_conv", "context": "identity", "method": "cpc", "augment": EVERYTHING})
    assert run.augment.clip_parts == (0.1, 0.3, 0.5) and run.augment.overlap_snrs == (5.0, 7.5, 10.0)
    assert resolve(run.plain()) == run and run.augment.changes
    assert not AugmentConfig().changes and AugmentConfig(chop_prob=0.1).changes
