from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.conv import Conv, same_padding


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


@pytest.mark.parametrize(("dilation", "left", "right"), [(2, 0, 0), (3, 1, 5)])
def test_dilation_spreads_the_taps(dilation, left, right):
    conv = Conv(3, 5, kernel=3, dilation=dilation, left=left, right=right).double()
    source = frames([20, 13])
    out = conv(source)
    x = F.pad(source.x_BTD.transpose(1, 2), (left, right))
    torch.testing.assert_close(out.x_BTD, F.conv1d(x, conv.weight, conv.bias, dilation=dilation).transpose(1, 2))
    assert out.lengths_B.tolist() == [n + left + right - 2 * dilation for n in (20, 13)]
    assert out.geometry == source.geometry.stack(kernel=2 * dilation + 1, left=left, right=right)


@pytest.mark.parametrize(
    ("kernel", "stride", "expected"), [(10, 5, (2, 3)), (4, 2, (1, 1)), (3, 3, (0, 0)), (3, 1, (1, 1))]
)
def test_same_padding_gives_one_frame_a_stride(kernel, stride, expected):
    left, right = same_padding(kernel, stride)
    assert (left, right) == expected
    conv = Conv(3, 5, kernel=kernel, stride=stride, left=left, right=right).double()
    assert conv(frames([60, 29])).lengths_B.tolist() == [60 // stride, 29 // stride]


def test_too_short_input_gives_no_frames():
    out = Conv(3, 5, kernel=8)(frames([7, 2], dtype=torch.float32))
    assert out.x_BTD.shape == (2, 0, 5)
    assert out.lengths_B.tolist() == [0, 0]


@pytest.mark.parametrize("frames", [30, 700])
@pytest.mark.parametrize(("kernel", "stride", "dilation", "bias"), [(1, 1, 1, True), (5, 2, 1, False), (3, 2, 2, True)])
def test_pieces_give_what_the_whole_gives(frames, kernel, stride, dilation, bias):
    torch.manual_seed(0)
    conv = Conv(3, 4, kernel=kernel, stride=stride, dilation=dilation, left=2, right=0, bias=bias).double()
    x = torch.randn(2, frames, 3, dtype=torch.float64)
    wanted = conv(Frames(x, torch.tensor([frames, frames]), FrameGeometry(16000))).x_BTD
    state, found = conv.begin(2, device="cpu", dtype=x.dtype), []
    for piece in x.split([0, 1, 2, 17, frames - 20], dim=1):
        y, state = conv.step(piece, state)
        found.append(y)
    torch.testing.assert_close(torch.cat(found, dim=1), wanted)


def test_a_convolution_that_skips_frames_cannot_be_streamed():
    with pytest.raises(SonantError, match="skips frames"):
        Conv(3, 4, kernel=1, stride=2).begin(1, device="cpu", dtype=torch.float32)
