from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.lps import Config, Features

SOURCE = FrameGeometry(16000)


@pytest.mark.parametrize(
    ("file", "name", "frame_length", "deltas"),
    [("labels_lps", "lps", 25.0, 2), ("labels_lps_long", "lps_long", 32.0, 2), ("labels_v1_lps", "v1_lps", 25.0, 0)],
)
def test_equals_pases_targets(pase, file, name, frame_length, deltas):
    (want,) = pase.arrays(file, name)
    features = Features(Config(frame_length=frame_length), source=SOURCE)
    got = pase.compute(features, pase.speech(), deltas=deltas)[0]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-2)
    assert (got - want).abs().mean() < 1e-4


def test_equals_speechbrains_targets(pase):
    wave, want = pase.arrays("seed_recipe", "sig", "label_lps")
    features = Features(Config(window="hamming", edges="zeros", log="log1p"), source=SOURCE)
    got = pase.compute(features, Frames.of_wave(wave, None, 16000), deltas=0)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)


def test_silence_is_the_floor():
    out = Features(Config(), source=SOURCE)(Frames.of_wave(torch.zeros(1, 1600), None, 16000))
    assert out.x_BTD.shape == (1, 10, 1025)
    torch.testing.assert_close(out.x_BTD, torch.full_like(out.x_BTD, -190.0))


def test_frames_longer_than_the_transform_are_refused():
    with pytest.raises(SonantError, match="n_fft 256"):
        Features(Config(n_fft=256), source=SOURCE)
