"""MFCC against kaldi-native-fbank and against the stored ABX baseline."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.features import mfcc

from .conftest import harmonic, wave_frames

PLAIN = {"deltas": 0, "cmvn": "none"}


def compute(wave, source, **settings) -> np.ndarray:
    return mfcc.Features(mfcc.Config(**settings), source=source)(wave_frames([wave])).x_BTD[0].numpy()


@pytest.mark.parametrize(
    ("settings", "mel", "own"),
    [
        ({}, {"num_bins": 23}, {"num_ceps": 13, "use_energy": False}),
        ({"use_energy": True}, {"num_bins": 23}, {"num_ceps": 13, "use_energy": True}),
        ({"lifter": 0.0}, {"num_bins": 23}, {"num_ceps": 13, "use_energy": False, "cepstral_lifter": 0.0}),
        (
            {"n_mels": 40, "n_cepstra": 40, "high_hz": -400.0},
            {"num_bins": 40, "high_freq": -400.0},
            {"num_ceps": 40, "use_energy": False},
        ),
    ],
    ids=str,
)
def test_equals_kaldi_on_generated_signals(kaldi, source, settings, mel, own):
    noise = 0.1 * np.random.default_rng(2).standard_normal(12345)
    for wave in (harmonic(1.2), noise.astype(np.float32), np.zeros(1000, np.float32)):
        want = kaldi(wave, "mfcc", mel=mel, **own)
        np.testing.assert_allclose(compute(wave, source, **PLAIN, **settings), want, atol=5e-3, rtol=0)


def test_equals_kaldi_on_speech(kaldi, speech, source):
    for wave in speech:
        want = kaldi(wave, "mfcc", mel={"num_bins": 23}, num_ceps=13, use_energy=False)
        np.testing.assert_allclose(compute(wave, source, **PLAIN), want, atol=5e-3, rtol=0)


def test_reproduces_the_stored_abx_baseline(data_dir, oracle_dir, source):
    """The stored arrays were computed before the audio was rounded to 16 bits, which moves quiet frames.

    Measured over all 180 files: median difference 0.0043, mean 0.024, in units of standard deviations. Other
    options are far off: high_hz -400 has median 0.09, a Hamming window 0.02.
    """
    import soundfile

    stored = np.load(oracle_dir / "abx" / "mfcc_features.npz", allow_pickle=False)
    features, differences = mfcc.Features(mfcc.Config(), source=source), []
    for name in sorted(stored)[::4]:
        wave = soundfile.read(data_dir / "phrases" / "audio" / f"{name}.flac", dtype="float32")[0]
        have = features(wave_frames([wave])).x_BTD[0].numpy()
        assert have.shape == stored[name].shape
        differences.append(np.abs(have - stored[name]))
    difference = np.concatenate(differences)
    assert np.median(difference) < 6e-3
    assert difference.mean() < 0.03
    for block in (0, 13, 26):
        assert np.median(difference[:, block : block + 13]) < 7e-3


def test_the_default_is_the_39_dimensional_baseline(source):
    features = mfcc.Features(mfcc.Config(), source=source)
    frames = features(wave_frames([harmonic(1.0), harmonic(0.4, seed=2)]))
    assert features.dim == frames.dim == 39
    assert features.past is None and features.future is None
    for x in frames.unpad():
        torch.testing.assert_close(x.mean(0), torch.zeros(39), atol=1e-5, rtol=0)
        torch.testing.assert_close(x.std(0, correction=0), torch.ones(39), atol=1e-4, rtol=0)


def test_alone_equals_inside_a_padded_batch(source):
    features = mfcc.Features(mfcc.Config(), source=source)
    waves = [harmonic(1.0, seed=4)[:n] for n in (16000, 5000, 1600, 700, 100, 10)]
    together = features(wave_frames(waves)).unpad()
    for wave, have in zip(waves, together, strict=True):
        torch.testing.assert_close(have, features(wave_frames([wave])).x_BTD[0], atol=2e-5, rtol=0)


def test_static_features_are_the_first_block(source):
    wave = harmonic(0.5)
    static = compute(wave, source, **PLAIN)
    np.testing.assert_array_equal(compute(wave, source, deltas=2, cmvn="none")[:, :13], static)


@pytest.mark.parametrize("n_cepstra", [0, 24])
def test_impossible_numbers_of_cepstra_are_refused(source, n_cepstra):
    with pytest.raises(SonantError, match="n_cepstra"):
        mfcc.Features(mfcc.Config(n_cepstra=n_cepstra), source=source)
