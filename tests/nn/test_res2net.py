from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.res2net import Res2, SERes2Block, SqueezeExcite


def frames(lengths, dim=8) -> Frames:
    x = torch.randn(len(lengths), max(lengths), dim, dtype=torch.float64)
    return Frames(x, torch.tensor(lengths), FrameGeometry(16000)).masked()


@pytest.mark.parametrize("untouched", ["first", "last"])
def test_each_chunk_hears_the_one_before_it(untouched):
    """y_1 = f_1(x_1), y_i = f_i(x_i + y_{i-1}); one chunk passes as it is."""
    res2 = Res2(8, scale=4, kernel=3, dilation=2, padding="zeros", untouched=untouched).double().eval()
    source = frames([12])
    x = list(source.x_BTD.split(2, dim=2))
    kept = x.pop(0 if untouched == "first" else 3)
    y = []
    for chunk, layer in zip(x, res2.layers, strict=True):
        y.append(layer(source.with_x(chunk + y[-1] if y else chunk)).x_BTD)
    expected = [kept, *y] if untouched == "first" else [*y, kept]
    torch.testing.assert_close(res2(source).x_BTD, torch.cat(expected, dim=2))


def test_squeeze_excitation_takes_the_mean_of_real_frames():
    squeeze = SqueezeExcite(8, size=3).double()
    source = frames([12, 5])
    out = squeeze(source).unpad()
    for x_TD, y_TD in zip(source.unpad(), out, strict=True):
        gate_D = torch.sigmoid(squeeze.up(squeeze.down(x_TD.mean(0)).relu()))
        torch.testing.assert_close(y_TD, x_TD * gate_D)


def test_the_block_adds_to_what_came_in():
    block = SERes2Block(8, scale=2, kernel=3, dilation=1, padding="reflect", untouched="first", squeeze=4)
    block.double().eval()
    source = frames([9, 6])
    with torch.no_grad():
        block.leave.norm.weight.zero_()
        block.leave.norm.bias.zero_()
    torch.testing.assert_close(block(source).x_BTD, source.x_BTD)


def test_chunks_must_be_equal():
    with pytest.raises(SonantError, match="3 equal chunks"):
        Res2(8, scale=3, kernel=3, dilation=1, padding="zeros", untouched="first")
