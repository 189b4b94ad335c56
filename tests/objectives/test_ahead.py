from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.objectives.ahead import absolute_error, ahead, heard

SOURCE = FrameGeometry(16000, hop=160, window=400)


def frames(*lengths: int, dim: int, seed: int = 0) -> Frames:
    x_BTD = torch.randn(len(lengths), max(lengths), dim, generator=torch.Generator().manual_seed(seed))
    return Frames(x_BTD, torch.tensor(lengths), SOURCE).masked()


def test_each_state_meets_the_frame_that_lies_ahead():
    h, x = frames(6, 4, 2, dim=3), frames(6, 4, 2, dim=2, seed=1)
    states, targets = ahead(h, x, shift=2, method="m")
    assert states.lengths_B.tolist() == targets.lengths_B.tolist() == [4, 2, 0]
    for b, n in enumerate((4, 2, 0)):
        assert torch.equal(states.x_BTD[b, :n], h.x_BTD[b, :n])
        assert torch.equal(targets.x_BTD[b, :n], x.x_BTD[b, 2 : n + 2])
        assert not states.x_BTD[b, n:].any()
        assert not targets.x_BTD[b, n:].any()
    with pytest.raises(SonantError, match="m: a shift of 6 needs more than 6 frames, the longest example has 6"):
        ahead(h, x, shift=6, method="m")


def test_reductions():
    target = frames(4, 2, dim=2)
    y_BSD = torch.randn(2, 4, 2)
    error_BSD = (target.x_BTD - y_BSD).abs()
    real = torch.cat([error_BSD[0], error_BSD[1, :2]])
    for reduction, want, count in (
        ("mean", real.mean(), 6),
        ("sum", real.sum(), 1),
        ("padded_mean", error_BSD.mean(), 8),
        ("padded_sum", error_BSD.sum(), 1),
    ):
        out = absolute_error(y_BSD, target, reduction)
        torch.testing.assert_close(out.total, want)
        assert float(out.count) == count


def test_padding_is_heard_only_where_it_is_summed():
    x = frames(4, 2, dim=2)
    assert heard(x, "padded_sum").lengths_B.tolist() == [4, 4]
    for reduction in ("mean", "sum", "padded_mean"):
        assert heard(x, reduction) is x
