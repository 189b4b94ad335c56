"""Log-mel against kaldi-native-fbank, a slow twin, and itself in a padded batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.features import logmel

from .conftest import harmonic, wave_frames


def compute(wave, source, **settings) -> np.ndarray:
    features = logmel.Features(logmel.Config(**settings), source=source)
    return features(wave_frames([wave], source.sample_rate)).x_BTD[0].numpy()


@pytest.fixture(scope="module")
def signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    burst = np.zeros(9000, np.float32)
    burst[4000:5000] = 0.5 * rng.standard_normal(1000).clip(-2, 2)
    return {
        "harmonic": harmonic(1.5),
        "noise": (0.1 * rng.standard_normal(20011)).astype(np.float32),
        "zeros around a burst": burst,
        "silence": np.zeros(3000, np.float32),
    }


@pytest.mark.parametrize("n_mels", [40, 80])
def test_equals_kaldi_on_generated_signals(kaldi, signals, source, n_mels):
    for name, wave in signals.items():
        want = kaldi(wave, "fbank", mel={"num_bins": n_mels, "high_freq": -400.0})
        np.testing.assert_allclose(compute(wave, source, n_mels=n_mels), want, atol=5e-3, rtol=0, err_msg=name)


@pytest.mark.parametrize(
    ("settings", "frame", "own"),
    [
        ({"window": "hamming"}, {"window_type": "hamming"}, {}),
        ({"window": "hanning"}, {"window_type": "hanning"}, {}),
        ({"window": "rectangular"}, {"window_type": "rectangular"}, {}),
        ({"window": "hamming", "remove_dc": False}, {"window_type": "hamming", "remove_dc_offset": False}, {}),
        ({"preemphasis": 0.0}, {"preemph_coeff": 0.0}, {}),
        ({"snip_edges": True}, {"snip_edges": True}, {}),
        ({"frame_length": 0.032, "frame_shift": 0.008}, {"frame_length_ms": 32.0, "frame_shift_ms": 8.0}, {}),
        ({"use_energy": True}, {}, {"use_energy": True}),
        ({"use_energy": True, "remove_dc": False}, {"remove_dc_offset": False}, {"use_energy": True}),
    ],
    ids=str,
)
def test_equals_kaldi_with_other_options(kaldi, source, settings, frame, own):
    wave = harmonic(0.7)
    want = kaldi(wave, "fbank", frame=frame, mel={"num_bins": 40, "high_freq": -400.0}, **own)
    np.testing.assert_allclose(compute(wave, source, n_mels=40, **settings), want, atol=5e-3, rtol=0)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_equals_kaldi_at_other_rates(kaldi, rate):
    wave = harmonic(0.6, rate)
    want = kaldi(wave, "fbank", rate=rate, mel={"num_bins": 40, "high_freq": -400.0})
    np.testing.assert_allclose(compute(wave, FrameGeometry(rate), n_mels=40), want, atol=5e-3, rtol=0)


@pytest.mark.parametrize("samples", [80, 81, 100, 119, 120, 121, 239, 240, 399, 400, 401])
def test_equals_kaldi_on_signals_shorter_than_a_window(kaldi, source, samples):
    wave = harmonic(0.1, seed=3)[500 : 500 + samples]
    want = kaldi(wave, "fbank", mel={"num_bins": 40, "high_freq": -400.0})
    np.testing.assert_allclose(compute(wave, source, n_mels=40), want, atol=5e-3, rtol=0)


def test_equals_kaldi_on_speech_with_40_filters(kaldi, speech, source):
    for wave in speech:
        want = kaldi(wave, "fbank", mel={"num_bins": 40, "high_freq": -400.0})
        np.testing.assert_allclose(compute(wave, source, n_mels=40), want, atol=5e-3, rtol=0)


def test_equals_kaldi_on_speech_with_80_filters(kaldi, speech, slow_logmel, source):
    """A value further than 5e-3 from kaldi-native-fbank, which computes in float32, must be kaldi's own rounding."""
    beyond = total = 0
    for wave in speech:
        have, want = compute(wave, source), kaldi(wave, "fbank", mel={"num_bins": 80, "high_freq": -400.0})
        far = np.abs(have - want) > 5e-3
        beyond, total = beyond + far.sum(), total + far.size
        for t in np.flatnonzero(far.any(1)):
            start = 160 * (t - 3)
            assert start >= 0 and start + 1120 <= len(wave), "unexpected at an edge"
            exact = slow_logmel(wave[start : start + 1120], 80, 7600)[3]
            np.testing.assert_allclose(have[t], exact, atol=1e-5, rtol=0)
    assert beyond <= 1e-5 * total


def test_equals_the_slow_twin(slow_logmel, source):
    for wave in (harmonic(0.3, seed=5), harmonic(0.1, seed=6)[:90]):
        np.testing.assert_allclose(compute(wave, source), slow_logmel(wave, 80, 7600), atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", [{}, {"deltas": 2}, {"cmvn": "utterance"}, {"snip_edges": True, "deltas": 1}])
def test_alone_equals_inside_a_padded_batch(source, settings):
    features = logmel.Features(logmel.Config(use_energy=True, **settings), source=source)
    waves = [harmonic(1.0, seed=1)[:n] for n in (16000, 9999, 4321, 4320, 700, 401, 399, 150, 80, 79, 1)]
    batch = wave_frames(waves)
    together = features(batch)
    for b, wave in enumerate(waves):
        alone = features(wave_frames([wave]))
        n = int(together.lengths_B[b])
        assert n == alone.x_BTD.shape[1] == int(alone.lengths_B[0])
        torch.testing.assert_close(together.x_BTD[b, :n], alone.x_BTD[0], atol=5e-6, rtol=0)
        assert not together.x_BTD[b, n:].any()


def test_long_signals_are_computed_in_blocks_without_seams(source):
    features = logmel.Features(logmel.Config(n_mels=40), source=source)
    wave = harmonic(12.0)
    whole = features(wave_frames([wave])).x_BTD[0]
    piece = features(wave_frames([wave[480 * 160 : 560 * 160]])).x_BTD[0]  # spans frame 512
    torch.testing.assert_close(whole[482:558], piece[2:-2], atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("rate", "settings"),
    [(16000, {}), (16000, {"snip_edges": True}), (8000, {}), (22050, {}), (11025, {"frame_length": 0.0321})],
)
def test_frame_counts_equal_the_geometry(rate, settings):
    features = logmel.Features(logmel.Config(n_mels=20, **settings), source=FrameGeometry(rate))
    hop, window = features.geometry.hop, features.geometry.window
    around = [n * hop + d for n in (1, 2, 3, 7) for d in (-hop // 2 - 1, -hop // 2, -1, 0, 1, hop // 2, hop // 2 + 1)]
    for n in {1, 2, 3, window - 1, window, window + 1, *around}:
        frames = features(wave_frames([np.zeros(n)], rate))
        assert frames.x_BTD.shape == (1, features.geometry.frames(n), 20)
        assert frames.lengths_B.tolist() == [features.geometry.frames(n)]


def test_geometry_is_kaldis(source):
    geometry = logmel.Features(logmel.Config(), source=source).geometry
    assert geometry == FrameGeometry(16000, hop=160, window=400, offset=-120, tail=200)
    assert geometry.time_of(3) == pytest.approx(3.5 * 0.01)
    assert [geometry.frames(n) for n in (79, 80, 239, 240)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("settings", "reach"),
    [
        ({}, 0),
        ({"deltas": 1}, 2),
        ({"deltas": 2}, 4),
        ({"cmvn": "utterance"}, None),
        ({"cmvn": "utterance_mean"}, None),
    ],
)
def test_reach_is_what_is_measured(source, settings, reach):
    features = logmel.Features(logmel.Config(n_mels=20, **settings), source=source)
    assert features.past == features.future == reach
    wave = torch.randn(1, 6400, generator=torch.Generator().manual_seed(0)).requires_grad_()
    features(wave_frames([torch.zeros(1)]))
    frames = wave_frames([wave[0].detach()])
    frames = frames.with_x(wave[..., None])
    features(frames).x_BTD[0, 20].square().sum().backward()
    touched = torch.nonzero(wave.grad[0])[:, 0]
    if reach is None:
        assert touched.min() < 200 and touched.max() > 6200
    else:
        first = features.geometry.offset + (20 - reach) * 160
        last = features.geometry.offset + (20 + reach) * 160 + 400
        assert first <= touched.min() <= first + 1 and last - 2 <= touched.max() < last


def test_gradients_pass_and_are_right(source):
    features = logmel.Features(logmel.Config(n_mels=20, cmvn="utterance", deltas=1, use_energy=True), source=source)
    wave = torch.randn(2, 700, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = wave_frames(list(wave[:, :600]), dtype=torch.float64)

    def score(x):
        return features(batch.with_x(x)).x_BTD.sin().sum()

    x = batch.x_BTD.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(x), x)
    direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-6
    numeric = (score(x.detach() + step * direction) - score(x.detach() - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(numeric), rel=1e-5)


def test_gradient_of_silence_is_finite(source):
    features = logmel.Features(logmel.Config(cmvn="utterance"), source=source)
    batch = wave_frames([np.zeros(2000), np.zeros(300)])
    x = batch.x_BTD.clone().requires_grad_()
    features(batch.with_x(x)).x_BTD.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_dtypes_follow_the_waveform(source):
    features = logmel.Features(logmel.Config(n_mels=40), source=source)
    wave = harmonic(0.5)
    want = features(wave_frames([wave])).x_BTD
    double = features(wave_frames([wave], dtype=torch.float64)).x_BTD
    assert want.dtype == torch.float32 and double.dtype == torch.float64
    torch.testing.assert_close(want.double(), double, atol=1e-5, rtol=0)
    for dtype in (torch.float16, torch.bfloat16):
        low = features(wave_frames([wave], dtype=dtype)).x_BTD
        assert low.dtype == dtype
        exact = features(wave_frames([torch.tensor(wave).to(dtype).float()])).x_BTD
        torch.testing.assert_close(low, exact.to(dtype), atol=0, rtol=0)


def test_half_precision_of_the_module_and_autocast_change_nothing(source):
    features = logmel.Features(logmel.Config(n_mels=40, deltas=1, cmvn="utterance"), source=source)
    frames = wave_frames([harmonic(0.5)])
    want = features(frames).x_BTD
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(features(frames).x_BTD, want, atol=0, rtol=0)
    torch.testing.assert_close(features.to(torch.bfloat16)(frames).x_BTD, want, atol=0, rtol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_device_follows_the_waveform(source):
    features = logmel.Features(logmel.Config(deltas=2, cmvn="utterance"), source=source)
    frames = wave_frames([harmonic(1.0), harmonic(0.6)])
    there = type(frames)(frames.x_BTD.cuda(), frames.lengths_B.cuda(), frames.geometry)
    result = features(there)
    assert result.x_BTD.is_cuda and result.lengths_B.is_cuda
    torch.testing.assert_close(result.x_BTD.cpu(), features(frames).x_BTD, atol=1e-4, rtol=0)


def test_nothing_is_stored_unless_it_is_fitted(source):
    assert logmel.Features(logmel.Config(cmvn="utterance"), source=source).state_dict() == {}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"n_mels": 400}, "lower n_mels"),
        ({"low_hz": 7800.0}, "low_hz"),
        ({"high_hz": 9000.0}, "high_hz"),
        ({"frame_shift": 0.0}, "frame_shift"),
        ({"preemphasis": 1.5}, "preemphasis"),
        ({"n_mels": 0}, "n_mels"),
    ],
)
def test_settings_that_cannot_be_are_refused(source, settings, told):
    with pytest.raises(SonantError, match=told):
        logmel.Features(logmel.Config(**settings), source=source)


def test_audio_of_another_rate_or_shape_is_refused(source):
    features = logmel.Features(logmel.Config(), source=source)
    with pytest.raises(SonantError, match="resample"):
        features(wave_frames([np.zeros(800)], 8000))
    with pytest.raises(SonantError, match="floats"):
        features(wave_frames([np.zeros(800)], dtype=torch.int16))
