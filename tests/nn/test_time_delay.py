from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.time_delay import TimeDelay, check_layers

SOURCE = FrameGeometry(16000, hop=160, window=400)


def frames(lengths, dim=3) -> Frames:
    x = torch.randn(len(lengths), max(lengths), dim, dtype=torch.float64)
    return Frames(x, torch.tensor(lengths), SOURCE).masked()


def calibrated(layer: TimeDelay) -> TimeDelay:
    """In evaluation mode, with statistics that are not those of a fresh norm."""
    if layer.norm is not None:
        layer.norm.running_mean.uniform_(-1, 1)
        layer.norm.running_var.uniform_(0.5, 2)
    return layer.double().eval()


@pytest.mark.parametrize("padding", ["none", "zeros", "reflect"])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 2), (4, 3)])
def test_is_convolution_then_activation_then_norm(padding, kernel, dilation):
    layer = calibrated(TimeDelay(3, 5, kernel=kernel, dilation=dilation, padding=padding, slope=0.1))
    source = frames([20])
    total = 0 if padding == "none" else (kernel - 1) * dilation
    around = (total // 2, total - total // 2)
    x = source.x_BTD.transpose(1, 2)
    x = F.pad(x, around, mode="reflect") if padding == "reflect" else F.pad(x, around)
    x = F.leaky_relu(F.conv1d(x, layer.conv.weight, layer.conv.bias, dilation=dilation), 0.1)
    norm = layer.norm
    x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    out = layer(source)
    torch.testing.assert_close(out.x_BTD, x.transpose(1, 2))
    assert out.geometry == layer.stack(SOURCE)
    assert out.geometry.hop == SOURCE.hop
    assert out.geometry.window == 400 + (kernel - 1) * dilation * 160


@pytest.mark.parametrize("padding", ["none", "zeros", "reflect"])
def test_alone_equals_inside_a_batch(padding):
    layer = calibrated(TimeDelay(3, 5, kernel=5, dilation=2, padding=padding))
    source = frames([20, 11, 9, 1])
    out = layer(source)
    assert out.lengths_B.tolist() == ([12, 3, 1, 0] if padding == "none" else [20, 11, 9, 1])
    for b, n in enumerate([20, 11, 9, 1]):
        alone = layer(Frames(source.x_BTD[b : b + 1, :n], torch.tensor([n]), SOURCE))
        torch.testing.assert_close(out.unpad()[b], alone.x_BTD[0], rtol=0, atol=1e-12)


def test_statistics_are_of_real_frames_and_dropout_comes_last():
    layer = TimeDelay(3, 5, kernel=1, dropout=0.5).double()
    out = layer(frames([30, 4])).x_BTD
    assert (out == 0).double().mean() > 0.3
    assert layer.norm.num_batches_tracked == 1
    plain = TimeDelay(3, 5, kernel=1).double()
    out = plain(frames([30, 4])).unpad()
    torch.testing.assert_close(torch.cat(out).mean(0), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-9)


def test_sizes_must_be_above_zero():
    check_layers("here", dims=(3, 1), kernel=2)
    with pytest.raises(SonantError, match=r"here: dims must be at least 1, got \(3, 0\)"):
        check_layers("here", dims=(3, 0))
    with pytest.raises(SonantError, match="here: dims"):
        check_layers("here", dims=())
