"""Residual networks on spectrograms. Foreign weights are tested with the importers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant import build
from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.resnet34 import Config, Encoder

SOURCE = FrameGeometry(16000, hop=160, window=400)


def spectrogram(lengths: list[int], *, dim: int = 40, dtype=torch.float32, filler: float = 0.0) -> Frames:
    generator = torch.Generator().manual_seed(0)
    x_BTD = torch.randn(len(lengths), max(lengths), dim, generator=generator, dtype=torch.float64).to(dtype)
    made = Frames(x_BTD, torch.tensor(lengths), SOURCE)
    return made.with_x(x_BTD.masked_fill(~made.mask_BT[:, :, None], filler))


def small(**settings) -> Encoder:
    torch.manual_seed(0)
    return Encoder(Config(**{"base": 8, "blocks": (1, 1, 1, 1), **settings}), source=SOURCE, in_dim=40)


def test_the_defaults_are_fast_resnet34():
    """1.44 million parameters with self-attentive pooling and 512 dimensions, 25 frames a second."""
    config = {
        "sample_rate": 16000,
        "features": {"name": "stft_mel", "n_mels": 40},
        "encoder": {"name": "resnet34"},
        "context": {"name": "identity"},
        "embedding": {"pool": "sap", "dim": 512},
    }
    made = build.representation_of(config)
    assert sum(p.numel() for p in made.parameters()) == 1437078
    assert made.geometry.rate == 25


def test_trains_the_same_whatever_the_padding():
    """Norms see real frames only: the same values, running statistics and gradients with twice the padding."""
    results = []
    for extra in (0, 24):
        module = small().double().train()
        frames = spectrogram([40, 25, 33], dtype=torch.float64)
        longer = nn.functional.pad(frames.x_BTD, (0, 0, 0, extra))
        out = module(Frames(longer, frames.lengths_B, SOURCE))
        out.x_BTD.square().sum().backward()
        state = [value for name, value in module.state_dict().items() if "running" in name]
        results.append([out.unpad(), state, [p.grad for p in module.parameters()]])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_batch_of_one_length_is_torchs_own_batch_norm():
    """The way without masks equals the way with them."""
    frames = spectrogram([40, 40], dtype=torch.float64)
    plain = small().double().train()(frames).x_BTD
    padded = Frames(nn.functional.pad(frames.x_BTD, (0, 0, 0, 8)), frames.lengths_B, SOURCE)
    torch.testing.assert_close(plain, small().double().train()(padded).x_BTD[:, :10], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("strides", [(1, 2, 2, 1), (1, 2, 2, 2)])
@pytest.mark.parametrize("pad", ["both", "end"])
def test_frames_are_halved_rounding_up(strides, pad):
    module = small(strides=strides, pad=pad, base=4, squeeze=None)
    for n in (1, 2, 7, 8, 9, 31):
        expected = n
        for stride in strides:
            expected = -(-expected // stride)
        assert module(spectrogram([n])).x_BTD.shape == (1, expected, module.dim)


def test_no_frames_give_no_frames():
    none = Frames(torch.zeros(2, 0, 40), torch.tensor([0, 0]), SOURCE)
    assert small()(none).x_BTD.shape == (2, 0, 64)


def test_flattened_frames_are_channel_by_channel():
    flat, mean = small(frequency="flatten"), small()
    x = spectrogram([16])
    torch.testing.assert_close(flat(x).x_BTD.unflatten(2, (64, 5)).mean(3), mean(x).x_BTD)


def test_without_squeeze_a_frame_sees_no_further_than_it_says():
    module = small(squeeze=None, frequency="flatten").eval().double()
    x = spectrogram([200], dtype=torch.float64).x_BTD.requires_grad_()
    out = module(Frames(x, torch.tensor([200]), SOURCE))
    (gradient,) = torch.autograd.grad(out.x_BTD[0, 25].sum(), x)
    seen = gradient[0].abs().sum(1).nonzero()[:, 0]
    first = (module.geometry.offset - SOURCE.offset + 25 * module.geometry.hop) // SOURCE.hop
    width = (module.geometry.window - SOURCE.window) // SOURCE.hop + 1
    assert (int(seen.min()), int(seen.max())) == (first, first + width - 1)
    assert (module.past, module.future) == (0, 0)


@pytest.mark.parametrize(
    "settings",
    [{"strides": (1, 2, 3, 1)}, {"blocks": (1, 1)}, {"squeeze": 20}, {"out": 0}, {"base": 0}],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
