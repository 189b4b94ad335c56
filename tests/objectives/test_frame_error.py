from __future__ import annotations

import torch

from sonant.core import FrameGeometry, Frames
from sonant.objectives.frame_error import frame_errors


def example():
    x = Frames(torch.randn(2, 4, 3), torch.tensor([4, 2]), FrameGeometry(16000))
    return x.masked(), torch.randn(2, 4, 3, requires_grad=True)


def test_errors_are_means_over_channels_and_zero_in_padding():
    x, prediction = example()
    for norm, error in (("absolute", (prediction - x.x_BTD).abs()), ("square", (prediction - x.x_BTD).square())):
        out = frame_errors(prediction, x, norm=norm)
        torch.testing.assert_close(out[0], error[0].mean(-1))
        torch.testing.assert_close(out[1, :2], error[1, :2].mean(-1))
        assert (out[1, 2:] == 0).all()


def test_gradients_reach_real_predictions_only():
    x, prediction = example()
    target = x.with_x(x.x_BTD.requires_grad_())
    frame_errors(prediction, target, norm="square").sum().backward()
    assert target.x_BTD.grad is None
    assert (prediction.grad[1, 2:] == 0).all()
    assert (prediction.grad[0] != 0).all()


def test_half_precision_is_compared_in_float32():
    x, prediction = example()
    assert frame_errors(prediction.bfloat16(), x, norm="absolute").dtype == torch.float32
