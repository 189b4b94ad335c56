"""Another pitch, noise and missing frequencies, on tones whose answer is known; and all of it in the chain."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.augment.chain import Augmenter
from sonant.data.augment.config import AugmentConfig
from sonant.data.augment.perturb import STEREO, perturbed
from sonant.data.augment.spectral import (
    draw_mask,
    mask_frequencies,
    normalise_peak,
    pitch_shift,
    restored,
    transform,
    white_noise,
)

RATE = 16000


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def strongest(wave_L: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(wave_L[2000:-2000])).argmax()) * RATE / (len(wave_L) - 4000)


@pytest.mark.parametrize("semitones", [-2, -1, 1, 2, 7])
def test_pitch_goes_up_by_semitones(semitones):
    wave_L = tone(440)
    made_L = pitch_shift(wave_L, RATE, semitones=semitones)
    assert made_L.shape == wave_L.shape and made_L.dtype == np.float32
    assert abs(strongest(made_L) / (440 * 2 ** (semitones / 12)) - 1) < 0.005
    assert abs(np.std(made_L[2000:-2000]) / np.std(wave_L) - 1) < 0.05


def test_a_transform_is_undone():
    wave_L = np.random.default_rng(0).standard_normal(12345)
    for window, hop in ((800, 320), (512, 128)):
        back_L = restored(transform(wave_L, window=window, hop=hop), window=window, hop=hop, length=len(wave_L))
        assert np.allclose(back_L, wave_L)


def test_masked_frequencies_are_gone_and_others_stay():
    made_L = mask_frequencies(tone(1000) + tone(3000), RATE, first=40, count=25)  # 800 to 1280 Hz
    power_K = np.abs(np.fft.rfft(made_L[1600:-1600]))
    hz = np.fft.rfftfreq(len(made_L) - 3200, 1 / RATE)
    assert power_K[abs(hz - 1000) < 50].max() < 0.02 * power_K[abs(hz - 3000) < 50].max()
    assert abs(np.std(made_L[1600:-1600]) / np.std(tone(3000)) - 1) < 0.02
    for seed in range(50):
        drawn = draw_mask(np.random.default_rng(seed), RATE)
        assert 0 <= drawn["count"] <= 100 and 0 <= drawn["first"] <= 401 - drawn["count"]


def test_noise_has_its_peak_and_channels_theirs():
    noise_L = white_noise(np.zeros(4000, np.float32), np.random.default_rng(1))
    assert np.isclose(np.abs(noise_L).max(), 0.01) and 0.001 < noise_L.std() < 0.005
    wave_CL = normalise_peak(np.array([[0.1, -0.2], [0.03, -0.04], [0.0, 0.0]], np.float32))
    assert np.allclose(wave_CL, [[0.5, -1.0], [0.03, -0.04], [0, 0]])


def test_the_chain_perturbs_each_channel_by_its_seed():
    wave_CL = np.stack([tone(440), tone(300)])
    heard = [
        Augmenter(AugmentConfig(perturb_prob=prob, perturb=names), sample_rate=RATE)(wave_CL, seed, skipped={})
        for prob, names, seed in ((1, STEREO, 3), (1, STEREO, 3), (1, STEREO, 4), (1, ("low_pass",), 3), (0, STEREO, 3))
    ]
    assert np.array_equal(heard[0], heard[1]) and not np.allclose(heard[0], heard[2])
    assert np.corrcoef(heard[3][1, 800:-800], wave_CL[1, 800:-800])[0, 1] > 0.9999
    assert np.corrcoef(heard[3][0, 800:-800], wave_CL[0, 800:-800])[0, 1] < 0.9  # 440 Hz
    assert np.array_equal(heard[4], wave_CL)
    rarely = Augmenter(AugmentConfig(perturb_prob=0.5), sample_rate=RATE)
    some = [rarely(wave_CL[:1], seed, skipped={}) for seed in range(24)]
    assert 4 <= sum(np.array_equal(one, wave_CL[:1]) for one in some) <= 20
    with pytest.raises(SonantError, match="perturb"):
        AugmentConfig(perturb_prob=0.5, perturb=())


def test_all_three_are_all_three():
    wave_L = tone(440)
    made_L = perturbed(wave_L, "all_three", np.random.default_rng(0), sample_rate=RATE)
    assert made_L.shape == wave_L.shape and abs(strongest(made_L) / 440 - 1) > 0.03
