from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, FrameGeometry, Frames, SonantError
from sonant.methods.best_rq import Config, RandomQuantiser, moments

D = 6


def made(dim=D, **settings):
    torch.manual_seed(0)
    config = {
        "features": {"name": "arrays", "dim": dim, "rate": 100.0},
        "encoder": {"name": "mlp", "dim": 8},
        "context": {"name": "causal_attention", "dim": 8, "heads": 2, "ff": 16},
        "method": {"name": "best_rq", "codes": 12, "code_dim": 4, "width": 3, **settings},
    }
    return build.method_of(build.resolve(config))


def example(lengths=(30, 17), width=30, dim=D):
    x = torch.randn(len(lengths), width, dim, generator=torch.Generator().manual_seed(1))
    return Batch(x, torch.tensor(lengths), 16000, seeds=(5, 6), geometry=FrameGeometry(16000, hop=160, window=160))


@pytest.mark.parametrize("score", ["masked", "unmasked"])
@pytest.mark.parametrize("channels", ["together", "apart"])
def test_loss_is_the_definition(score, channels):
    """Every counted frame by itself: nearest code of the whole features, log probability from the masked ones."""
    method, batch = made(score=score, channels=channels, share=0.1, offset=2), example()
    x = batch.frames()
    altered, masked_BT = method.mask(x, batch)
    c = method.context(method.encoder(altered))
    losses = []
    for b, n in enumerate(x.lengths_B.tolist()):
        own = x.x_BTD[b, :n]
        own = (own - own.mean(0)) / own.std(0, correction=0)
        for t in range(2, n):
            if bool(masked_BT[b, t]) == (score == "masked"):
                code = F.normalize(own[t] @ method.quantise.projection, dim=0)
                target = (method.quantise.codebook - code).norm(dim=1).argmin()
                losses.append(-(c.x_BTD[b, t] @ method.predict.map.weight.T).log_softmax(0)[target])
    out = method.loss(batch)
    assert int(out.count) == len(losses) > 0
    torch.testing.assert_close(out.total, torch.stack(losses).mean())


def test_masked_values_are_noise_with_the_moments_of_the_channel():
    method, batch = made(share=0.5), example(lengths=(3000,), width=3000)
    shifted = replace(batch, wave_BL=batch.wave_BL * torch.arange(1, D + 1) + 7)
    x = shifted.frames()
    altered, masked_BT = method.mask(x, shifted)
    assert masked_BT.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(altered.x_BTD[~masked_BT], x.x_BTD[~masked_BT])
    noise_ND = altered.x_BTD[masked_BT]
    mean_B1D, deviation_B1D = moments(x)
    torch.testing.assert_close(noise_ND.mean(0), mean_B1D[0, 0], atol=0.5, rtol=0.1)
    torch.testing.assert_close(noise_ND.std(0), deviation_B1D[0, 0], atol=0, rtol=0.1)
    fixed = made(share=0.5, mean=1.0, deviation=0.0).mask(x, shifted)
    assert (fixed[0].x_BTD[fixed[1]] == 1).all()


def test_without_training_the_unmasked_score_masks_nothing():
    method, batch = made(score="unmasked"), example()
    assert int(method.loss(batch).count) < 47
    assert int(method.eval().loss(batch).count) == 47
    masked = made(score="masked").eval()
    assert masked.loss(batch).total == masked.loss(batch).total
    assert 0 < int(masked.loss(batch).count) < 47


def test_the_quantiser_is_seeded_and_never_trained():
    first, second = made().quantise, made().quantise
    assert torch.equal(first.projection, second.projection)
    assert torch.equal(first.codebook, second.codebook)
    assert not any(p.requires_grad for p in first.parameters())
    torch.testing.assert_close(first.codebook.norm(dim=1), torch.ones(12))
    assert len(set(RandomQuantiser(16, codes=64, code_dim=8)(torch.randn(1, 500, 16))[0].tolist())) > 32


def test_features_under_one_frame_of_the_network_are_quantised_together():
    torch.manual_seed(0)
    config = {
        "encoder": {"name": "cpc_conv", "dim": 8},
        "context": {"name": "gru", "dim": 8},
        "method": {"name": "best_rq", "codes": 12, "normalise": False, "width": 400},
    }
    method = build.method_of(build.resolve(config))
    assert method.quantise.projection.shape == (160, 16)
    wave = torch.randn(1, 1700)
    stacked = method.stacked(Frames.of_wave(wave, None, 16000))
    assert torch.equal(stacked.x_BTD, wave[:, :1600].view(1, 10, 160))
    assert method.chance() == pytest.approx(math.log(12))


def test_waveforms_as_features_are_refused():
    config = {
        "features": {"name": "waveform"},
        "encoder": {"name": "cpc_conv", "dim": 8},
        "context": {"name": "gru", "dim": 8},
        "method": {"name": "best_rq"},
    }
    with pytest.raises(SonantError, match="leave the section 'features' out"):
        build.method_of(build.resolve(config))


@pytest.mark.parametrize("settings", [{"share": 0.0}, {"share": 1.0}, {"width": 0}, {"codes": 1}, {"deviation": -1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)


def test_an_utterance_without_a_frame_leaves_gradients_finite_with_the_full_predictor():
    method, batch = made(predictor="full").train(), example(lengths=(30, 0))
    method.loss(batch).total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
