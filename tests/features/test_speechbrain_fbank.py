from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.speechbrain_fbank import Config, Features, lower_sided_triangles

SOURCE = FrameGeometry(16000)


def test_cosine_transform_of_it_is_speechbrains_mfcc(oracle_dir):
    """20 cepstra of 40 filters on a transform of 2048 samples, as its PASE recipe has them (range about +-150)."""
    with np.load(oracle_dir / "pase" / "seed_recipe.npz", allow_pickle=False) as arrays:
        wave, want = (torch.from_numpy(arrays[name]) for name in ("sig", "label_mfcc"))
    features = Features(Config(n_mels=40, n_fft=2048, cmvn="none"), source=SOURCE)
    levels_BTM = features(Frames.of_wave(wave, None, 16000)).x_BTD
    assert levels_BTM.shape == (2, 101, 40)
    c_C1, m_M = torch.arange(20.0)[:, None], torch.arange(40.0)
    table_CM = math.sqrt(2 / 40) * torch.cos(math.pi / 40 * (m_M + 0.5) * c_C1)
    table_CM[0] /= math.sqrt(2)
    torch.testing.assert_close((levels_BTM @ table_CM.T)[:, :100], want, rtol=0, atol=1e-3)


def test_equals_torch_stft_with_zeros_beyond_the_ends():
    wave = torch.randn(1, 4000, dtype=torch.float64)
    window = torch.hamming_window(400, dtype=torch.float64)
    spectrum = torch.stft(wave, 400, 160, 400, window, center=True, pad_mode="constant", return_complex=True).abs() ** 2
    filters = lower_sided_triangles(16000, size=400, n_mels=80, low_hz=0, high_hz=8000)
    levels = 10 * torch.log10((spectrum.transpose(1, 2) @ filters).clamp(min=1e-10))
    levels = levels.maximum(levels.max() - 80)
    out = Features(Config(), source=SOURCE)(Frames.of_wave(wave, None, 16000)).x_BTD
    torch.testing.assert_close(out, levels - levels.mean(1, keepdim=True))


def test_loudest_of_an_utterance_is_its_own():
    """One utterance full of sound, one of near silence after a click: neither hears the other, nor the padding."""
    wave = torch.zeros(2, 3200)
    wave[0] = torch.randn(3200)
    wave[1, :800] = 1e-4 * torch.randn(800)
    wave[1, 100] = 1.0
    features = Features(Config(cmvn="none"), source=SOURCE)
    out = features(Frames.of_wave(wave, torch.tensor([3200, 1600]), 16000)).unpad()
    alone = features(Frames.of_wave(wave[1:, :1600], None, 16000)).x_BTD[0]
    assert torch.equal(out[1], alone)
    assert (alone.max() - alone.min()).item() == pytest.approx(80, abs=1e-3)


def test_both_sides_of_a_triangle_are_as_wide_as_the_lower():
    filters = lower_sided_triangles(16000, size=16000, n_mels=4, low_hz=0, high_hz=8000)
    for m in range(4):
        heard = filters[:, m].nonzero()[:, 0]
        centre = filters[:, m].argmax()
        assert (heard[-1] - centre).item() == pytest.approx((centre - heard[0]).item(), abs=2)


@pytest.mark.parametrize("settings", [{"n_mels": 0}, {"top_db": 0.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)


def test_what_does_not_fit_the_rate_is_refused():
    for settings, message in (
        ({"n_fft": 100}, "n_fft 100"),
        ({"low_hz": 9000.0}, "low_hz"),
        ({"frame_shift": 0.0}, "frame_shift"),
    ):
        with pytest.raises(SonantError, match=message):
            Features(Config(**settings), source=SOURCE)
    with pytest.raises(SonantError, match="16000 Hz"):
        Features(Config(), source=SOURCE)(Frames.of_wave(torch.zeros(1, 800), None, 8000))
