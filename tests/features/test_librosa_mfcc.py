from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.librosa_mfcc import Config, Features, unit_area_triangles

SOURCE = FrameGeometry(16000)


@pytest.mark.parametrize(
    ("name", "settings", "deltas"),
    [
        ("mfcc", {}, 2),
        ("mfcc_long", {"frame_length": 128.0, "n_cepstra": 20}, 2),
        ("v1_mfcc", {"n_cepstra": 20}, 0),
        ("mfcc_librosa", {"n_mels": 40, "mel": "htk"}, 2),
    ],
)
def test_equals_pases_targets(pase, name, settings, deltas):
    (want,) = pase.arrays("labels", name)
    features = Features(Config(**settings), source=SOURCE)
    torch.testing.assert_close(pase.compute(features, pase.speech(), deltas=deltas)[0], want, rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", ["silence", "noise"])
def test_equals_pases_targets_of_silence_and_noise(pase, name):
    wave, want = pase.arrays("labels_edge", f"{name}_wav", f"{name}_mfcc")
    got = pase.compute(Features(Config(), source=SOURCE), Frames.of_wave(wave[None], None, 16000))[0]
    torch.testing.assert_close(got, want, rtol=0, atol=5e-3)


def test_loudest_of_an_utterance_is_its_own():
    """One utterance full of sound, one of near silence after a click: neither hears the other, nor the padding."""
    wave = torch.zeros(2, 3200)
    wave[0] = torch.randn(3200)
    wave[1, :1000] = 1e-6 * torch.randn(1000)
    wave[1, 100] = 1.0
    features, open_ended = (Features(Config(top_db=top_db), source=SOURCE) for top_db in (80.0, None))
    out = features(Frames.of_wave(wave, torch.tensor([3200, 1000]), 16000)).unpad()[1]
    alone = Frames.of_wave(wave[1:, :1000], None, 16000)
    torch.testing.assert_close(out, features(alone).x_BTD[0])
    assert (out - open_ended(alone).x_BTD[0]).abs().max() > 1


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_triangles_have_an_area_of_one(scale):
    filters_KM = unit_area_triangles(16000, size=16000, n_mels=20, scale=scale)
    torch.testing.assert_close(filters_KM.sum(0), torch.ones(20, dtype=torch.float64), rtol=0, atol=1e-3)


def test_impossible_settings_are_refused():
    for settings, message in (({"n_cepstra": 200}, "n_cepstra"), ({"top_db": 0.0}, "top_db")):
        with pytest.raises(SonantError, match=message):
            Config(**settings)
