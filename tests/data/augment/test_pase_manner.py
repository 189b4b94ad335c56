"""Noise, rooms, clipping and other speech as PASE+ has them: ratios are exact and the energy stays."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.augment.channel import clip_ends
from sonant.data.augment.level import as_loud_as, energy
from sonant.data.augment.noise import blend_noise
from sonant.data.augment.overlap import overlap, overlap_start
from sonant.data.augment.reverb import reverberate_in_place


def wave(count: int = 8000, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def part_of(mixed: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(a, b) of mixed = a x + b y, which must hold exactly."""
    (a, b), *_ = np.linalg.lstsq(np.stack([x, y], axis=1).astype(np.float64), mixed.astype(np.float64), rcond=None)
    np.testing.assert_allclose(mixed, a * x + b * y, atol=1e-6)
    return a, b


@pytest.mark.parametrize("snr", [0.0, 5.0, 10.0])
@pytest.mark.parametrize("level", [1e-4, 0.1, 3.0])
def test_the_ratio_is_exact_at_any_level_and_the_energy_stays(snr, level):
    x, noise = wave(level=level), wave(seed=1)
    mixed = blend_noise(x, [noise], [snr])
    a, b = part_of(mixed / np.float32(level), x / np.float32(level), noise)
    assert 10 * np.log10((a / b) ** 2 * energy(x) / energy(noise) / level**2) == pytest.approx(snr, abs=1e-3)
    assert energy(mixed) == pytest.approx(energy(x), rel=1e-5) and mixed.dtype == np.float32


def test_silence_and_silent_noise():
    x, nothing = wave(), np.zeros(8000, np.float32)
    assert np.array_equal(blend_noise(x, [nothing], [0.0]), x)
    assert not blend_noise(nothing, [x], [0.0]).any()
    assert not as_loud_as(nothing, x).any()


@pytest.mark.parametrize("start", [0, 1000, 5999])
def test_other_speech_begins_at_its_start_with_its_ratio(start):
    x, other = wave(), wave(8000 - start, seed=2)
    mixed = overlap(x, other, start=start, snr=5.0)
    placed = np.concatenate([np.zeros(start, np.float32), other])
    a, b = part_of(mixed, x, placed)
    assert 10 * np.log10(a**2 * energy(x) / (b**2 * energy(other))) == pytest.approx(5.0, abs=1e-3)
    assert energy(mixed) == pytest.approx(energy(x), rel=1e-5)
    np.testing.assert_allclose(mixed[:start], a * x[:start], atol=1e-6)
    short = overlap(x, other[:500], start=start, snr=5.0)
    np.testing.assert_allclose(np.delete(short / x, slice(start, start + 500)), short[-1] / x[-1], rtol=1e-3)


def test_other_speech_begins_anywhere_in_the_first_three_quarters():
    rng = np.random.default_rng(0)
    starts = np.array([overlap_start(1000, rng) for _ in range(3000)])
    assert starts.min() < 5 and 744 < starts.max() < 750
    assert starts.mean() == pytest.approx(375, abs=15)


@pytest.mark.parametrize(("length", "delay"), [(900, 0), (900, 300), (20_000, 5000), (1, 0)])
def test_rooms_keep_the_direct_sound_in_place_and_the_energy(length, delay):
    x, rir = wave(), 0.01 * wave(length, seed=3)
    rir[delay] = -0.6
    full = np.convolve(x.astype(np.float64), rir.astype(np.float64) / 0.6)[delay : delay + len(x)]
    full = np.pad(full, (0, len(x) - len(full)))
    heard = reverberate_in_place(x, rir)
    assert heard.dtype == np.float32 and energy(heard) == pytest.approx(energy(x), rel=1e-5)
    np.testing.assert_allclose(heard, full * np.sqrt(energy(x) / energy(full)), atol=2e-6)
    echo = np.zeros(400, np.float32)
    echo[[150, 250]] = 0.4, 0.2
    places = np.correlate(reverberate_in_place(x, echo), x, mode="full")[len(x) - 1 :]
    assert places.argmax() == 0 and places[1:].argmax() == 99
    with pytest.raises(SonantError, match="only zeros"):
        reverberate_in_place(x, np.zeros(10, np.float32))


def test_clipping_at_parts_of_both_ends():
    x = np.array([-1.0, -0.2, 0.0, 0.1, 0.3, 0.5], np.float32)
    np.testing.assert_allclose(clip_ends(x, 0.3), [-0.3, -0.2, 0.0, 0.1, 0.15, 0.15], rtol=1e-6)
    assert np.array_equal(clip_ends(x, 1.0), x)
    assert not clip_ends(np.zeros(3, np.float32), 0.5).any()
