from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.lpc import Config, Features, predictors

SOURCE = FrameGeometry(16000)


def test_equals_pases_targets(pase):
    want = pase.arrays("labels", "lpc")[0].T  # stored with time first
    got = pase.compute(Features(Config(), source=SOURCE), pase.speech(), deltas=0)[0]
    torch.testing.assert_close(got, want, rtol=0, atol=2e-5)


def test_solves_the_equations_of_autocorrelation():
    r_P = torch.fft.irfft(torch.fft.rfft(torch.randn(40, dtype=torch.float64), n=80).abs().square())[:9]
    gain, *a = predictors(r_P[None, None])[0, 0].tolist()
    r = r_P.numpy()
    matrix = r[np.abs(np.subtract.outer(np.arange(8), np.arange(8)))]
    np.testing.assert_allclose(a, np.linalg.solve(matrix, -r[1:]), atol=1e-10)
    assert gain == pytest.approx(np.sqrt(r[0] + r[1:] @ a))


def test_silent_frames_are_zero_between_others():
    wave_L = torch.randn(3200)
    wave_L[1280:1920] = 0
    out_TP = Features(Config(), source=SOURCE)(Frames.of_wave(wave_L[None], None, 16000)).x_BTD[0]
    assert (out_TP[8:11] == 0).all() and (out_TP[[7, 11]] != 0).all() and torch.isfinite(out_TP).all()


def test_impossible_settings_are_refused():
    with pytest.raises(SonantError, match="order"):
        Config(order=0)
    with pytest.raises(SonantError, match="320"):
        Features(Config(order=320), source=SOURCE)
