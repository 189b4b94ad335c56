"""F0 is SPTK's, frame for frame, and does not depend on what lies beyond its declared reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.features import _swipe, f0

from .conftest import wave_frames


def sawtooth(hz: float, seconds: float = 0.6, rate: int = 16000) -> np.ndarray:
    """All harmonics below half the rate, falling as 1 / n."""
    t = np.arange(int(seconds * rate)) / rate
    return 0.2 * sum(np.sin(2 * np.pi * hz * n * t + n) / n for n in range(1, int(rate / 2 / hz)))


def pitch(source, wave, dtype=torch.float32, **settings) -> np.ndarray:
    """(T, 2) F0 and strength of one waveform."""
    return f0.Features(f0.Config(**settings), source=source)(wave_frames([wave], dtype=dtype)).x_BTD[0].numpy()


def test_equals_sptk_on_speech(source, oracle_dir):
    """The same frames are voiced, and their pitch is the same to rounding."""
    oracle = np.load(oracle_dir / "pase" / "labels.npz")
    found = pitch(source, oracle["wav_i16"] / 32768, variant="sptk")[:, 0]
    assert ((found > 0) == (oracle["swipe_f0"] > 0)).all()
    np.testing.assert_allclose(found, oracle["swipe_f0"], rtol=1e-6)


@pytest.mark.parametrize("variant", ["sptk", "paper"])
@pytest.mark.parametrize("hz", [65.0, 111.1, 180.0, 290.0])
def test_finds_the_pitch_of_a_sawtooth(source, hz, variant):
    found = pitch(source, sawtooth(hz), variant=variant)[15:-15]
    np.testing.assert_allclose(found[:, 0], hz, rtol=0.006 if variant == "sptk" else 0.002)
    assert (found[:, 1] > 0.45).all()


def test_noise_and_silence_are_unvoiced(source, oracle_dir):
    oracle = np.load(oracle_dir / "pase" / "labels_edge.npz")
    assert (pitch(source, oracle["noise_wav"])[:, 0] == 0).all()
    assert (pitch(source, oracle["silence_wav"]) == 0).all()


def test_variants_differ_at_the_highest_candidate_and_by_level(source):
    high, low = sawtooth(303.0), 0.01 * sawtooth(150.0) + 0.02 * sawtooth(97.0)
    top, bottom = (np.median(pitch(source, high, variant=variant)[20:-20, 0]) for variant in ("paper", "sptk"))
    assert (round(float(top)), round(float(bottom))) == (298, 60)
    for variant, same in (("paper", True), ("sptk", False)):
        loud, quiet = (pitch(source, scale * low, variant=variant)[:, 1] for scale in (1.0, 0.03))
        assert np.allclose(loud, quiet, atol=1e-5) == same, variant


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_declared_reach_is_enough_and_used(rate):
    """Whatever stands beyond the samples of a frame has no influence on it; what stands just inside has."""
    module = f0.Features(f0.Config(low_hz=80, high_hz=400), source=_geometry(rate))
    geometry, frame = module.geometry, 60
    wave_L = torch.from_numpy(sawtooth(85.0, seconds=2, rate=rate))
    first = geometry.offset + frame * geometry.hop
    end = first + geometry.window
    beyond_L, inside_L = wave_L.clone(), wave_L.clone()
    beyond_L[:first], beyond_L[end:] = 0.3, -0.4
    inside_L[first : first + geometry.window // 3] += 0.5
    own, beyond, inside = (
        module(wave_frames([wave], rate=rate, dtype=torch.float64)).x_BTD[0, frame, 1]
        for wave in (wave_L, beyond_L, inside_L)
    )
    assert own == beyond
    assert (own - inside).abs() > 1e-4


def _geometry(rate: int):
    from sonant.core import FrameGeometry

    return FrameGeometry(rate)


def test_blocks_of_frames_join(source, monkeypatch):
    wave = np.random.default_rng(1).standard_normal(16000 * 2) * 0.1
    whole = pitch(source, wave, dtype=torch.float64)
    monkeypatch.setattr(_swipe, "BLOCK", 1)
    np.testing.assert_allclose(pitch(source, wave, dtype=torch.float64), whole, rtol=1e-9)


def test_second_derivatives_of_splines():
    """Those of scipy's clamped cubic spline, slope 0 and slope ``END_SLOPE``."""
    from scipy.interpolate import CubicSpline

    y_K = np.random.default_rng(0).standard_normal(200)
    hz = 7.8125
    level = CubicSpline(hz * np.arange(200), y_K, bc_type="clamped")(hz * np.arange(200), 2)
    np.testing.assert_allclose(_swipe.bends(torch.from_numpy(y_K)[None, None], hz)[0, 0], level, atol=1e-9)
    end = ((1, _swipe.END_SLOPE), (1, _swipe.END_SLOPE))
    steep = CubicSpline(hz * np.arange(200), y_K, bc_type=end)(hz * np.arange(200), 2)
    np.testing.assert_allclose(level + _swipe.end_bend(200, hz).numpy(), steep, atol=1e-9)


def test_refinement_is_a_parabola_in_the_period():
    octaves = np.arange(-1, 2) * _swipe.STEP_OCTAVES
    values = np.array([0.41, 0.52, 0.47])
    line = np.polyfit(2.0**-octaves, values, 2)
    at = np.arange(17) * _swipe.FINE_OCTAVES - _swipe.STEP_OCTAVES
    np.testing.assert_allclose(values @ _swipe.refinement().numpy(), np.polyval(line, 2.0**-at), atol=1e-7)


def test_refuses_what_does_not_fit(source):
    for settings in ({"low_hz": 0.0}, {"low_hz": 290.0}, {"threshold": 1.5}):
        with pytest.raises(SonantError, match=next(iter(settings))):
            f0.Config(**settings)
    with pytest.raises(SonantError, match="high_hz"):
        f0.Features(f0.Config(high_hz=9000.0), source=source)
    with pytest.raises(SonantError, match="16000 Hz"):
        f0.Features(f0.Config(), source=source)(wave_frames([np.zeros(8000)], rate=8000))
