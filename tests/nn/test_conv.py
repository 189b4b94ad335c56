from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames
from sonant.nn.conv import Conv


def frames(lengths, dim=3, dtype=torch.float64) -> Frames:
    x = torch.randn(len(lengths), max(lengths), dim, dtype=dtype)
    return Frames(x, torch.tensor(lengths), FrameGeometry(16000, hop=10, window=25)).masked()


@pytest.mark.parametrize(
    ("kernel", "stride", "left", "right"), [(1, 1, 0, 0), (3, 1, 2, 0), (4, 2, 1, 1), (5, 3, 0, 4)]
)
def test_equals_torch_with_the_same_weights(kernel, stride, left, right):
    conv = Conv(3, 5, kernel=kernel, stride=stride, left=left, right=right).double()
    source = frames([20, 13])
    out = conv(source)
    expected = F.conv1d(F.pad(source.x_BTD.transpose(1, 2), (left, right)), conv.weight, conv.bias, stride)
    torch.testing.assert_close(out.x_BTD, expected.transpose(1, 2))
    assert out.lengths_B.tolist() == [(n + left + right - kernel) // stride + 1 for n in (20, 13)]
    assert out.geometry == source.geometry.stack(kernel=kernel, stride=stride, left=left, right=right)


def test_too_short_input_gives_no_frames():
    out = Conv(3, 5, kernel=8)(frames([7, 2], dtype=torch.float32))
    assert out.x_BTD.shape == (2, 0, 5)
    assert out.lengths_B.tolist() == [0, 0]
