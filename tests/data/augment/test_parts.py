"""The parts of augmentation against reference numbers and plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from sonant.core import SonantError
from sonant.data.augment.channel import clip, gain
from sonant.data.augment.codec import FORMATS, transmit
from sonant.data.augment.config import AugmentConfig
from sonant.data.augment.noise import add_noise, decibels
from sonant.data.augment.reverb import fast_length, reverberate

RATE = 16_000


@pytest.fixture(scope="module")
def oracle(oracle_dir) -> dict[str, np.ndarray]:
    return load_file(oracle_dir / "speaker" / "scoring.safetensors")


def wave(seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    """Something like speech: filtered noise with an envelope."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.standard_normal(int(seconds * RATE)), np.ones(8) / 8, mode="same")
    return (0.2 * noise * (1 + np.sin(np.arange(len(noise)) / 900))).astype(np.float32)


def test_noise_equals_the_reference(oracle):
    heard = add_noise(oracle["aug.audio"][0], [oracle["aug.noise"][0]], [7.5])
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, oracle["aug.noisy_snr7.5"].reshape(-1), atol=1e-6)


def test_reverberation_equals_the_reference(oracle):
    heard = reverberate(oracle["aug.audio"][0], oracle["aug.rir"].astype(np.float32))
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, oracle["aug.reverberated"].reshape(-1), atol=1e-6)


@pytest.mark.parametrize("length", [1, 50, 700, 5000])
def test_reverberation_is_the_plain_convolution(length):
    x, rir = wave(0.1), np.random.default_rng(1).standard_normal(length).astype(np.float32)
    expected = np.convolve(x.astype(np.float64), rir / np.linalg.norm(rir.astype(np.float64)))[: len(x)]
    np.testing.assert_allclose(reverberate(x, rir), expected, atol=2e-6)


def test_an_impulse_changes_nothing_and_silence_is_no_room():
    x, impulse = wave(0.1), np.zeros(100, np.float32)
    impulse[0] = 0.3
    np.testing.assert_allclose(reverberate(x, impulse), x, atol=1e-6)
    with pytest.raises(SonantError, match="only zeros"):
        reverberate(x, np.zeros(100, np.float32))


@pytest.mark.parametrize("count", [1, 2, 3, 97, 1000, 47_999, 63_999, 65_537])
def test_fast_lengths_are_the_least(count):
    def smooth(n):
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    found = fast_length(count)
    assert found == next(n for n in range(count + count % 2, 10**9, 2) if n and smooth(n))


def test_each_noise_has_its_own_ratio():
    x, noises, snrs = wave(), [wave(seed=1), 3 * wave(seed=2)], [0.0, 12.0]
    added = add_noise(x, noises[:1], snrs[:1]) - x
    assert decibels(x) - decibels(added) == pytest.approx(0.0, abs=0.1)
    both = add_noise(x, noises, snrs)
    second = add_noise(x, noises[1:], snrs[1:]) - x
    np.testing.assert_allclose(both, x + added + second, atol=1e-6)
    assert decibels(np.zeros(10, np.float32)) == pytest.approx(-40)
    quiet = add_noise(np.zeros(8000, np.float32), noises[:1], [0.0])
    assert np.isfinite(quiet).all()


def test_gain_and_clipping():
    x = wave()
    np.testing.assert_allclose(gain(x, 20.0), 10 * x, rtol=1e-5)
    clipped = clip(x, 0.5)
    assert np.abs(clipped).max() == pytest.approx(0.5 * np.abs(x).max())
    inside = np.abs(x) < 0.5 * np.abs(x).max()
    assert np.array_equal(clipped[inside], x[inside])
    assert not clip(np.zeros(5, np.float32), 0.5).any()


@pytest.mark.parametrize("codec", FORMATS)
@pytest.mark.parametrize("level", [1.0, 8.0])
def test_codecs_keep_length_place_and_level(codec, level):
    container, subtype, _ = FORMATS[codec]
    if not soundfile.check_format(container, subtype):
        pytest.skip(f"this libsndfile has no {codec}")
    time = np.arange(7000) / RATE
    x = (level * 0.3 * np.sin(2 * np.pi * 440 * time) * np.hanning(7000)).astype(np.float32)
    heard = transmit(x, codec, RATE)
    assert heard.shape == x.shape and heard.dtype == np.float32
    assert not np.array_equal(heard, x)
    assert np.corrcoef(heard, x)[0, 1] > 0.97
    assert np.std(heard) == pytest.approx(np.std(x), rel=0.1)
    assert np.array_equal(heard, transmit(x, codec, RATE))


def test_codecs_that_are_not_there_are_told(monkeypatch):
    with pytest.raises(SonantError, match="opus works at"):
        transmit(wave(), "opus", 11_025)
    monkeypatch.setitem(FORMATS, "gsm", ("WAV", "NO_SUCH", 8000))
    with pytest.raises(SonantError, match="no codec gsm"):
        transmit(wave(), "gsm", RATE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prob": 1.5}, "probability"),
        ({"noise_snr": (5.0, 0.0)}, "noise_snr is a range"),
        ({"speech_files": (0, 3)}, "counts files from 1"),
        ({"clip_at": (0.0, 0.5)}, "clip_at"),
        ({"speeds": (0.9, 9.0)}, "speeds"),
        ({"codec_prob": 0.5, "codecs": ()}, "without any"),
        ({"strategy": "reverb+noise", "noise": "n"}, "needs augment.rirs"),
        ({"strategy": "all", "rirs": "r"}, "needs augment.noise"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(SonantError, match=message):
        AugmentConfig(**settings)
