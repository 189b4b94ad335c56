from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.wav2spk import Config, Encoder

SMALL = {"dims": (4, 4, 6, 8, 8), "dim": 8}


def test_a_frame_is_ten_milliseconds_of_any_length():
    encoder = Encoder(Config(**SMALL), source=FrameGeometry(16000))
    assert encoder.geometry.hop == 160
    assert [encoder.geometry.frames(n) for n in (20480, 3200, 3199)] == [128, 20, 19]
    out = encoder(Frames.of_wave(torch.randn(1, 32000), None, 16000))
    assert out.x_BTD.shape == (1, 200, 8), "longer than the 128 steps of the original"


def test_the_gate_is_one_number_a_frame_whatever_its_place():
    encoder = Encoder(Config(**SMALL, layers=0), source=FrameGeometry(16000)).eval()
    wave = torch.randn(1, 3200)
    frames = Frames.of_wave(wave, None, 16000)
    for block in encoder.convs:
        frames = block(frames)
    gate = torch.sigmoid(frames.x_BTD @ encoder.gate.weight[0] + encoder.gate.bias)
    out = encoder(Frames.of_wave(wave, None, 16000))
    torch.testing.assert_close(out.x_BTD, frames.x_BTD * gate[:, :, None])


def test_impossible_settings_are_refused():
    for settings, message in (
        ({"dims": (3,)}, "same length"),
        ({"strides": (11, 4, 2, 2, 2)}, "skip"),
        ({"kernel": 2}, "odd"),
    ):
        with pytest.raises(SonantError, match=message):
            Config(**settings)
