"""Time-delay layers with statistics pooling."""

from __future__ import annotations

import torch

from sonant.core import FrameGeometry, Frames
from sonant.nn.xvector import REACH, XVector, mean_and_deviation

GEOMETRY = FrameGeometry(16000, 160)


def test_padding_changes_nothing_and_short_utterances_have_a_vector():
    torch.manual_seed(0)
    net = XVector(6, dim=8, pool_dim=10).eval()
    x = [torch.randn(n, 6) for n in (40, 23, 15, 3, 1)]
    padded = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)
    together = net(Frames(padded + 0, torch.tensor([len(one) for one in x]), GEOMETRY))
    assert together.shape == (5, 8)
    for one, vector in zip(x, together, strict=True):
        alone = net(Frames(one[None], torch.tensor([len(one)]), GEOMETRY))
        torch.testing.assert_close(alone[0], vector, atol=1e-5, rtol=1e-5)


def test_sizes_are_those_of_the_published_head():
    shapes = [tuple(conv.weight.shape) for conv in XVector(512).convs]
    assert shapes == [(512, 512, 5), (512, 512, 3), (512, 512, 3), (512, 512, 1), (1500, 512, 1)]
    assert REACH == 15


def test_statistics():
    x = torch.randn(2, 9, 4)
    found = mean_and_deviation(x, torch.tensor([9, 5]))
    torch.testing.assert_close(found[1, :4], x[1, :5].mean(0))
    torch.testing.assert_close(found[1, 4:], x[1, :5].std(0, unbiased=False))
