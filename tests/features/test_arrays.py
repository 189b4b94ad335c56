"""Models on features that were computed before."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.core import Batch, FrameGeometry, SonantError


def config(features: dict) -> dict:
    return {
        "features": features,
        "encoder": {"name": "identity"},
        "context": {"name": "gru", "dim": 6},
        "method": {"name": "apc"},
        "data": {"sample_rate": 8000},
    }


def method(features: dict):
    torch.manual_seed(0)
    return build.method_of(build.resolve(config(features)))


def waves() -> Batch:
    wave_BL = 0.1 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    return Batch(wave_BL, torch.tensor([4000, 2500]), 8000)


def test_features_computed_before_train_like_their_waveforms():
    """The same loss, the same frames, whether features come from the waveform or ready made."""
    model = method({"name": "logmel", "n_mels": 12, "high_hz": 3800})
    batch = waves()
    x = model.encoder(batch.frames())
    ready = Batch(x.x_BTD, x.lengths_B, 8000, geometry=FrameGeometry(8000, hop=80, window=80))
    assert torch.equal(model.loss(batch).total, model.loss(ready).total)
    representation = model.representation()
    wave = representation.encode(batch.wave_BL, batch.lengths_B)
    given = representation.encode(x.x_BTD, x.lengths_B)
    assert torch.equal(wave.x_BTD, given.x_BTD) and wave.geometry == given.geometry


def test_foreign_arrays_train_a_model_that_refuses_audio():
    model = method({"name": "arrays", "dim": 5, "rate": 50})
    ready = Batch(torch.randn(2, 30, 5), torch.tensor([30, 12]), 8000, geometry=FrameGeometry(8000, hop=160))
    assert model.loss(ready).total > 0
    with pytest.raises(SonantError, match="cannot read audio"):
        model.loss(waves())


def test_arrays_of_another_size_or_rate_are_refused():
    model = method({"name": "arrays", "dim": 5, "rate": 50})
    for x_BTD, hop in ((torch.randn(2, 30, 4), 160), (torch.randn(2, 30, 5), 80)):
        with pytest.raises(SonantError, match="5 at 50 Hz"):
            model.loss(Batch(x_BTD, torch.tensor([30, 12]), 8000, geometry=FrameGeometry(8000, hop=hop)))
    with pytest.raises(SonantError, match="do not divide"):
        method({"name": "arrays", "dim": 5, "rate": 70})
