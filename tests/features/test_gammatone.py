from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.gammatone import Config, Features, centre_frequencies, impulse_responses

SOURCE = FrameGeometry(16000)


@pytest.mark.parametrize(("name", "frame_length"), [("gtn", 25.0), ("gtn_long", 128.0)])
def test_equals_pases_targets(pase, name, frame_length):
    (want,) = pase.arrays("labels", name)
    features = Features(Config(frame_length=frame_length), source=SOURCE)
    torch.testing.assert_close(pase.compute(features, pase.speech())[0], want, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["silence", "noise"])
def test_equals_pases_targets_of_silence_and_noise(pase, name):
    wave, want = pase.arrays("labels_edge", f"{name}_wav", f"{name}_gtn")
    got = pase.compute(Features(Config(), source=SOURCE), Frames.of_wave(wave[None], None, 16000))[0]
    torch.testing.assert_close(got, want, rtol=0, atol=1e-4)


def recursive(wave: np.ndarray, frame: int) -> np.ndarray:
    """(T, 40) by four recursions a filter in float64."""
    from scipy.signal import lfilter

    rows, t = [], 1 / 16000
    for hz in centre_frequencies(16000, n_filters=40, low_hz=500.0).tolist():
        angle, damping = 2 * np.pi * hz * t, np.exp(-2 * np.pi * 1.019 * (hz / 9.26449 + 24.7) * t)
        y, gain, z = wave.astype(np.float64), 1.0, np.exp(1j * angle)
        for root in (s * np.sqrt(3 + k * 2**1.5) for s in (1, -1) for k in (1, -1)):
            b = [t, -t * damping * (np.cos(angle) + root * np.sin(angle))]
            a = [1, -2 * damping * np.cos(angle), damping**2]
            y, gain = lfilter(b, a, y), gain * np.polyval(b[::-1], 1 / z) / np.polyval(a[::-1], 1 / z)
        energy = (y / abs(gain)) ** 2
        means = [energy[i : i + frame].mean() for i in range(0, len(wave) - frame + 1, 160)]
        rows.append(np.log(np.sqrt(means) + 1e-10))
    return np.array(rows).T


@pytest.mark.parametrize("frame", [400, 2048])
def test_equals_the_recursions_from_speech_into_digital_silence(speech, frame):
    pytest.importorskip("scipy.signal", reason="scipy, the reference, is not installed")
    wave = np.concatenate([speech[0][8000:24000], np.zeros(8000, dtype=np.float32)])
    out = Features(Config(frame_length=frame / 16), source=SOURCE)(
        Frames.of_wave(torch.tensor(wave)[None], None, 16000)
    )
    want = recursive(wave, frame)
    assert want.min() < -23
    np.testing.assert_allclose(out.x_BTD[0].numpy(), want, rtol=0, atol=1e-3)


def test_two_window_lengths_share_one_filtering(monkeypatch):
    wave = Frames.of_wave(torch.randn(2, 8000), torch.tensor([8000, 5000]), 16000)
    short, long = (Features(Config(frame_length=ms), source=SOURCE) for ms in (25.0, 128.0))
    memo: dict = {}
    first, want = short(wave, memo), long(wave)
    assert len(memo) == 1
    monkeypatch.setattr(long, "_cells", None)  # is not called again
    assert torch.equal(long(wave, memo).x_BTD, want.x_BTD)
    assert torch.equal(first.x_BTD, short(wave).x_BTD)
    other = Features(Config(n_filters=20), source=SOURCE)
    assert other(wave, memo).dim == 20 and len(memo) == 2


def test_centres_begin_at_the_lowest_and_are_equally_far_apart_in_bandwidths():
    centre_C = centre_frequencies(16000, n_filters=40, low_hz=500.0)
    assert centre_C[0].item() == pytest.approx(500)
    steps = (torch.cat([centre_C, torch.tensor([8000.0], dtype=torch.float64)]) + 9.26449 * 24.7).log().diff()
    torch.testing.assert_close(steps, steps[:1].expand(40))


def test_unit_gain_at_the_centres():
    response_CN = impulse_responses(16000, n_filters=8, low_hz=300.0)
    angle_CN = 2 * math.pi / 16000 * centre_frequencies(16000, n_filters=8, low_hz=300.0)[:, None]
    angle_CN = angle_CN * torch.arange(response_CN.shape[1])
    gain_C = torch.complex((response_CN * angle_CN.cos()).sum(1), (response_CN * angle_CN.sin()).sum(1)).abs()
    torch.testing.assert_close(gain_C, torch.ones_like(gain_C), rtol=0, atol=1e-7)


def test_impossible_settings_are_refused():
    with pytest.raises(SonantError, match="n_filters"):
        Config(n_filters=0)
    for settings, message in (({"low_hz": 8000.0}, "low_hz"), ({"frame_length": 0.025}, "milliseconds")):
        with pytest.raises(SonantError, match=message):
            Features(Config(**settings), source=SOURCE)
