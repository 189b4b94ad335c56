"""The learnt mixture of layers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.layer_sum import LayerSum


def layers(count: int, *, dim: int = 5) -> list[Frames]:
    lengths_B = torch.tensor([7, 4])
    return [Frames(torch.randn(2, 7, dim), lengths_B, FrameGeometry(16000, 160)).masked() for _ in range(count)]


def test_begins_as_the_mean_and_is_the_softmax_of_its_weights():
    given, mix = layers(3), LayerSum(3)
    torch.testing.assert_close(mix(given).x_BTD, torch.stack([one.x_BTD for one in given]).mean(0))
    mix.raw_K.data = torch.tensor([0.0, 1.0, 2.0])
    share_K = torch.tensor([0.0, 1.0, 2.0]).exp() / torch.tensor([0.0, 1.0, 2.0]).exp().sum()
    torch.testing.assert_close(mix.weights_K, share_K)
    torch.testing.assert_close(mix(given).x_BTD, sum(w * one.x_BTD for w, one in zip(share_K, given, strict=True)))
    mix(given).x_BTD.square().sum().backward()
    assert mix.raw_K.grad.abs().min() > 0


def test_one_layer_passes_and_layer_norm_comes_first():
    (one,) = layers(1)
    assert LayerSum(1)([one]).x_BTD is one.x_BTD
    assert not LayerSum(1).raw_K.requires_grad
    given = layers(2)
    normed = torch.stack([F.layer_norm(x.x_BTD, (5,)) for x in given]).mean(0)
    torch.testing.assert_close(LayerSum(2, layer_norm=True)(given).x_BTD, normed)


def test_layers_of_different_sizes_are_refused():
    with pytest.raises(SonantError, match="different sizes"):
        LayerSum(2)([*layers(1), *layers(1, dim=6)])
