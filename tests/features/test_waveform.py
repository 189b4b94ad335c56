"""The waveform as features."""

from __future__ import annotations

import torch

from sonant import build
from sonant.features import waveform

from .conftest import harmonic, wave_frames


def test_passes_samples_on_scaled(source):
    given = wave_frames([harmonic(0.05), harmonic(0.03)])
    assert torch.equal(waveform.Features(waveform.Config(), source=source)(given).x_BTD, given.x_BTD)
    scaled = waveform.Features(waveform.Config(scale=32768.0), source=source)(given).x_BTD
    assert torch.equal(scaled, given.x_BTD * 32768)
    assert torch.equal(scaled, scaled.round())


def test_standardises_each_utterance(source):
    cfg = waveform.Config(postprocess=({"name": "standardize"},))
    out = waveform.Features(cfg, source=source)(wave_frames([harmonic(0.05), harmonic(0.03)]))
    for x_LD in out.unpad():
        assert abs(x_LD.mean()) < 1e-5
        torch.testing.assert_close(x_LD.var(unbiased=False), torch.tensor(1.0), rtol=1e-4, atol=1e-4)


def test_an_encoder_of_samples_stands_on_it():
    config = {"encoder": "cpc_conv", "context": "identity", "method": "cpc"}
    whole = build.method_of(build.resolve({**config, "features": {"name": "waveform", "scale": 2.0}})).eval()
    bare = build.method_of(build.resolve(config)).eval()
    bare.encoder.load_state_dict(whole.encoder.local.state_dict())
    wave_BL = torch.from_numpy(harmonic(0.2))[None]
    twice = bare.representation().encode(2 * wave_BL, layer="z").x_BTD
    torch.testing.assert_close(whole.representation().encode(wave_BL, layer="z").x_BTD, twice)
