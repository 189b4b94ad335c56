"""Settings of the mel features as configurations reach them."""

from __future__ import annotations

import copy

import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.core.config import typed
from sonant.features import logmel, mfcc

from .conftest import harmonic, wave_frames


def test_settings_are_read_from_a_mapping():
    cfg = typed(mfcc.Config, {"deltas": 1, "cmvn": "global", "n_mels": 40, "high_hz": -400}, "features")
    assert cfg == mfcc.Config(deltas=1, cmvn="global", n_mels=40, high_hz=-400.0)
    assert typed(logmel.Config, {}, "features") == logmel.Config()
    for wrong in ({"cmvn": "speaker"}, {"deltas": 3}, {"window": "hann"}, {"n_mel": 40}):
        with pytest.raises(SonantError, match=next(iter(wrong))):
            typed(logmel.Config, wrong, "features")


def test_a_batch_without_utterances_or_without_frames_is_empty():
    for module, dim in ((logmel, 80), (mfcc, 39)):
        features = module.Features(module.Config(), source=FrameGeometry(16000))
        assert features(wave_frames([torch.zeros(79), torch.zeros(3)])).x_BTD.shape == (2, 0, dim)
        empty = wave_frames([torch.zeros(800)])
        empty = type(empty)(empty.x_BTD[:0], empty.lengths_B[:0], empty.geometry)
        assert features(empty).x_BTD.shape == (0, 5, dim)


def test_scale_shifts_log_energies():
    source, frames = FrameGeometry(16000), wave_frames([harmonic(0.3)])
    one = logmel.Features(logmel.Config(scale=32768.0), source=source)(frames).x_BTD
    two = logmel.Features(logmel.Config(scale=65536.0), source=source)(frames).x_BTD
    torch.testing.assert_close(two - one, torch.full_like(one, 2 * torch.log(torch.tensor(2.0)).item()))


def test_copies_work_apart():
    features = mfcc.Features(mfcc.Config(), source=FrameGeometry(16000))
    frames = wave_frames([harmonic(0.3)])
    want = features(frames).x_BTD
    torch.testing.assert_close(copy.deepcopy(features)(frames).x_BTD, want, atol=0, rtol=0)
