from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import SonantError
from sonant.nn.conv_positions import ConvPositions


def test_an_even_kernel_sees_one_more_frame_before_than_after():
    torch.manual_seed(0)
    positions = ConvPositions(8, kernel=6, groups=2).double()
    x = torch.randn(1, 20, 8, dtype=torch.float64, requires_grad=True)
    positions(x, None)[0, 10].square().sum().backward()
    assert x.grad[0].abs().sum(1).nonzero()[:, 0].tolist() == list(range(7, 13))


def test_equals_torch_convolutions():
    torch.manual_seed(0)
    positions = ConvPositions(8, kernel=5, groups=4, layers=2, norm=True).double()
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    y = x
    for conv in positions.convs:
        y = F.conv1d(y.transpose(1, 2), conv.weight, conv.bias, padding=2, groups=4).transpose(1, 2)
        y = F.gelu((y - y.mean(-1, keepdim=True)) / (y.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt())
    torch.testing.assert_close(positions(x, None), y)


def test_padding_is_not_read_by_any_of_them():
    torch.manual_seed(0)
    positions = ConvPositions(8, kernel=5, groups=4, layers=3, norm=True).double()
    x = torch.randn(1, 12, 8, dtype=torch.float64)
    seen = torch.arange(12)[None] < 7
    torch.testing.assert_close(positions(x, seen)[:, :7], positions(x[:, :7], None))


def test_no_frames_give_no_frames():
    assert ConvPositions(8, kernel=5, groups=2)(torch.zeros(2, 0, 8), None).shape == (2, 0, 8)


def test_groups_must_divide():
    with pytest.raises(SonantError, match="groups"):
        ConvPositions(8, kernel=5, groups=3)
