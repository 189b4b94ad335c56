from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, FrameModule, Frames, SonantError
from sonant.features._savgol import regression_targets, savgol_deltas


@pytest.mark.parametrize("lengths", [[9, 10], [40, 23, 9, 17], [16 + 8, 32 + 8, 33 + 8]], ids=str)
@pytest.mark.parametrize("orders", [1, 2])
def test_equals_scipys_filter_of_every_utterance_alone(lengths, orders):
    filters = pytest.importorskip("scipy.signal", reason="scipy, the reference, is not installed")
    x_BTD = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64)  # what is past a length is not zero
    out_BTD = savgol_deltas(x_BTD, torch.tensor(lengths), orders=orders)
    assert out_BTD.shape == (len(lengths), max(lengths), 3 * (1 + orders))
    for b, n in enumerate(lengths):
        x_TD = x_BTD[b, :n].numpy()
        slopes = [filters.savgol_filter(x_TD, 9, k, deriv=k, axis=0, mode="interp") for k in range(1, orders + 1)]
        np.testing.assert_allclose(out_BTD[b, :n].numpy(), np.concatenate([x_TD, *slopes], axis=1), atol=1e-12)
        assert (out_BTD[b, n:] == 0).all()


def test_a_parabola_has_its_slope_and_curvature():
    t_T = torch.arange(50.0, dtype=torch.float64)
    out_TD = savgol_deltas((3 + 2 * t_T + 0.5 * t_T**2)[None, :, None], torch.tensor([50]))[0]
    torch.testing.assert_close(out_TD[4:-4, 1], (2 + t_T)[4:-4])
    torch.testing.assert_close(out_TD[:, 2], torch.ones(50, dtype=torch.float64))


def test_less_than_nine_frames_have_no_slope():
    x_BTD = torch.randn(3, 12, 2)
    out_BTD = savgol_deltas(x_BTD, torch.tensor([8, 0, 12]))
    assert torch.equal(out_BTD[0, :8, :2], x_BTD[0, :8])
    assert (out_BTD[0, :, 2:] == 0).all() and (out_BTD[1] == 0).all() and (out_BTD[2, :, 2:] != 0).all()
    assert (savgol_deltas(x_BTD[:, :5], torch.tensor([5, 5, 0]))[..., 2:] == 0).all()


def test_other_orders_are_refused():
    with pytest.raises(SonantError, match="orders"):
        savgol_deltas(torch.zeros(1, 9, 1), torch.tensor([9]), orders=3)


class Counted(FrameModule):
    """Every ``hop`` samples their number, squared; as many frames too few or too many as asked for."""

    def __init__(self, extra: int):
        super().__init__()
        self.geometry, self.extra, self.dim = FrameGeometry(100, hop=10, window=10), extra, 1

    def forward(self, frames: Frames) -> Frames:
        lengths_B = (frames.lengths_B // 10 + self.extra).clamp(min=0)
        x_T = torch.arange(frames.x_BTD.shape[1] // 10 + self.extra, dtype=torch.float64) ** 2
        return Frames(x_T[None, :, None].repeat(len(lengths_B), 1, 1), lengths_B, self.geometry).masked()


@pytest.mark.parametrize("extra", [1, -2])
def test_targets_are_cropped_then_sloped_then_repeated(extra):
    wave = Frames.of_wave(torch.zeros(3, 300), torch.tensor([300, 200, 15]), 100)
    lengths_B = torch.tensor([30, 20, 1])
    out = regression_targets(Counted(extra), wave, lengths_B=lengths_B, size=31, deltas=2)
    assert out.x_BTD.shape == (3, 31, 3) and torch.equal(out.lengths_B, lengths_B)
    for b, n in enumerate((30, 20)):
        own = n + min(extra, 0)
        x_TD = (torch.arange(own, dtype=torch.float64) ** 2)[None, :, None]
        want_TD = savgol_deltas(x_TD, torch.tensor([own]))[0]
        want_TD = torch.cat([want_TD, want_TD[-1:].expand(n - own, -1), want_TD.new_zeros(31 - n, 3)])
        torch.testing.assert_close(out.x_BTD[b], want_TD)
    assert (out.x_BTD[2] == 0).all()  # its one frame is 0, or there is none


def test_without_any_frame_targets_are_zero():
    wave = Frames.of_wave(torch.zeros(2, 5), None, 100)
    out = regression_targets(Counted(0), wave, lengths_B=torch.tensor([2, 1]), size=2, deltas=1)
    assert out.x_BTD.shape == (2, 2, 2) and (out.x_BTD == 0).all()


def test_memo_goes_only_to_features_that_take_one():
    class Taking(Counted):
        takes_memo = True

        def forward(self, frames, memo=None):
            memo["seen"] = memo.get("seen", 0) + 1
            return super().forward(frames)

    wave, memo = Frames.of_wave(torch.zeros(1, 100), None, 100), {}
    for features in (Taking(0), Counted(0)):
        regression_targets(features, replace(wave), lengths_B=torch.tensor([10]), size=10, memo=memo)
    assert memo == {"seen": 1}
