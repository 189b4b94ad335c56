from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.psf_fbank import Config, Features, whole_bin_triangles

SOURCE = FrameGeometry(16000)


@pytest.mark.parametrize(("name", "frame_length", "n_fft"), [("fbank", 25.0, 512), ("fbank_long", 64.0, 1024)])
def test_equals_pases_targets(pase, name, frame_length, n_fft):
    (want,) = pase.arrays("labels", name)
    features = Features(Config(frame_length=frame_length, n_fft=n_fft), source=SOURCE)
    torch.testing.assert_close(pase.compute(features, pase.speech())[0], want, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["silence", "noise"])
def test_equals_pases_targets_of_silence_and_noise(pase, name):
    wave, want = pase.arrays("labels_edge", f"{name}_wav", f"{name}_fbank")
    got = pase.compute(Features(Config(), source=SOURCE), Frames.of_wave(wave[None], None, 16000))[0]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("n", "frames"), [(240, 0), (241, 1), (400, 1), (401, 2), (560, 2), (561, 3), (32000, 199)])
def test_counts_of_frames_are_the_originals_from_a_frame_on(n, frames):
    out = Features(Config(), source=SOURCE)(Frames.of_wave(torch.ones(1, n), None, 16000))
    assert out.lengths_B.tolist() == [frames]


def test_the_last_frame_of_a_shorter_utterance_ends_in_zeros():
    """Pre-emphasis of the sample after the last, which the padding is, would leave -0.97 times the last."""
    wave_BL = torch.randn(2, 2000, dtype=torch.float64)
    features = Features(Config(), source=SOURCE)
    out = features(Frames.of_wave(wave_BL, torch.tensor([2000, 1000]), 16000)).unpad()[1]
    wave = wave_BL[1, :1000].numpy()
    sharp = np.concatenate([wave[:1], wave[1:] - 0.97 * wave[:-1], np.zeros(1000)])
    power = np.abs(np.fft.rfft(sharp[4 * 160 :][:400], 512)) ** 2 / 512
    filters = whole_bin_triangles(16000, size=512, n_mels=40, low_hz=0, high_hz=8000).numpy()
    assert len(out) == 5
    np.testing.assert_allclose(out[-1].numpy(), np.log(power @ filters), atol=1e-9)


def test_triangles_are_one_at_whole_frequencies_of_the_transform():
    filters_KM = whole_bin_triangles(16000, size=512, n_mels=40, low_hz=0, high_hz=8000)
    assert torch.equal(filters_KM.amax(0), torch.ones(40, dtype=torch.float64))
    top = 2595 * math.log10(1 + 8000 / 700)
    centre = 700 * (10 ** (top * 20 / 41 / 2595) - 1)
    assert filters_KM[:, 19].argmax().item() == math.floor(513 * centre / 16000)


def test_impossible_settings_are_refused():
    for settings, message in (({"n_mels": 0}, "n_mels"), ({"preemphasis": 2.0}, "preemphasis")):
        with pytest.raises(SonantError, match=message):
            Config(**settings)
    for settings, message in (({"low_hz": 9000.0}, "low_hz"), ({"n_fft": 300}, "n_fft 300")):
        with pytest.raises(SonantError, match=message):
            Features(Config(**settings), source=SOURCE)
