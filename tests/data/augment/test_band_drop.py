"""Filters without delay, and bands that are missing after them."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.data.augment.band_drop import RANGES, draw_band, drop_band
from sonant.data.augment.downsample import downsample
from sonant.data.augment.fir import band_stop, filtered, low_pass
from sonant.data.augment.level import energy

RATE = 16_000
WHITE = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)


def spectrum(wave: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and power of frames of 64 ms in dB."""
    size = rate * 64 // 1000
    frames = wave[: len(wave) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)
    return np.fft.rfftfreq(size, 1 / rate), 10 * np.log10(power)


def change(heard: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    frequency, after = spectrum(heard, rate)
    return frequency, after - spectrum(WHITE, rate)[1]


@pytest.mark.parametrize(("low", "high"), [(0.0, 321.0), (100.0, 260.0), (1300.0, 1694.0), (6000.0, 8000.0)])
def test_a_dropped_band_is_a_hole_and_the_rest_keeps_its_shape(low, high):
    heard = drop_band(WHITE, low=low, high=high, sample_rate=RATE)
    assert heard.dtype == np.float32 and heard.shape == WHITE.shape
    assert energy(heard) == pytest.approx(energy(WHITE), rel=1e-4)
    frequency, decibels = change(heard)
    inside = (frequency > low + 60 * (low > 0)) & (frequency < high - 60 * (high < RATE / 2))
    outside = (frequency < low - 70) | (frequency > high + 70)
    assert inside.any() and decibels[inside].max() < -35
    louder = np.median(decibels[outside])
    assert 0 < louder < 2 and np.abs(decibels[outside] - louder).max() < 0.3


def test_filters_do_not_delay():
    for taps in (low_pass(3000, sample_rate=RATE), band_stop(1000, 1500, sample_rate=RATE)):
        assert len(taps) == 513 and np.allclose(taps, taps[::-1], atol=1e-7)
        impulse = np.zeros(4000, np.float32)
        impulse[1234] = 1
        assert np.abs(filtered(impulse, taps)).argmax() == 1234
        np.testing.assert_allclose(filtered(WHITE, taps), np.convolve(WHITE, taps)[256:-256], atol=1e-5)
    assert filtered(WHITE[:40], low_pass(3000, sample_rate=RATE)).shape == (40,)


def test_bands_are_those_of_the_ranges():
    rng = np.random.default_rng(0)
    bands = np.array([draw_band(rng, width=(0.5, 1.5), sample_rate=RATE) for _ in range(4000)])
    for low, high, median in RANGES:
        own = bands[(bands[:, 0] >= low) & (bands[:, 1] <= high)]
        widths = own[:, 1] - own[:, 0]
        assert len(own) / 4000 == pytest.approx(0.25, abs=0.03)
        assert widths.min() >= 0.5 * median - 1e-6 and widths.max() <= 1.5 * median + 1e-6
        assert np.median(widths) == pytest.approx(median, rel=0.06)
        assert own[:, 0].min() < low + 0.1 * (high - low) and own[:, 1].max() > high - 0.1 * (high - low)
    for rate in (1000, 8000, 11_025):
        narrow = [draw_band(rng, width=(0.5, 1.5), sample_rate=rate) for _ in range(300)]
        assert all(0 <= low < high <= rate / 2 for low, high in narrow)


def test_a_lower_rate_loses_the_high_frequencies_and_nothing_else():
    for rate in (8000, 4000):
        heard = downsample(WHITE, rate=rate, sample_rate=RATE)
        frequency, decibels = change(heard)
        assert heard.shape == WHITE.shape and heard.dtype == np.float32
        assert decibels[frequency > rate / 2].max() < -30
        assert np.abs(decibels[frequency < 0.95 * rate / 2 - 80]).max() < 0.1
    assert downsample(WHITE, rate=16_000, sample_rate=RATE) is WHITE
    assert not downsample(np.zeros(500, np.float32), rate=8000, sample_rate=RATE).any()


def test_silence_stays_silence():
    assert not drop_band(np.zeros(500, np.float32), low=0, high=300, sample_rate=RATE).any()
