from __future__ import annotations

import torch

from sonant.core import FrameGeometry, Frames
from sonant.objectives.anchors import draw_anchors, segments


def generators(number: int, first: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(first + b) for b in range(number)]


def test_anchors_are_distinct_and_in_range():
    anchor_BM = draw_anchors(torch.tensor([30, 12, 5]), number=6, first=10, generators=generators(3))
    assert anchor_BM.shape == (3, 6)
    assert len(set(anchor_BM[0].tolist())) == 6
    assert ((anchor_BM[0] >= 10) & (anchor_BM[0] < 30)).all()
    assert sorted(anchor_BM[1].tolist()) == [-1, -1, -1, -1, 10, 11]
    assert (anchor_BM[2] == -1).all()


def test_every_frame_is_as_likely():
    drawn = draw_anchors(torch.full((2000,), 14), number=2, first=10, generators=generators(2000))
    share = torch.bincount(drawn.flatten(), minlength=14)[10:] / drawn.numel()
    torch.testing.assert_close(share, torch.full((4,), 0.25), atol=0.03, rtol=0)


def test_segments_are_cut_where_they_begin():
    x_BTD = torch.arange(12.0).view(2, 6, 1)
    x = Frames(x_BTD, torch.tensor([6, 3]), FrameGeometry(16000))
    cut_BMJD, real_BMJ = segments(x, torch.tensor([[0, 4], [1, 2]]), 3)
    assert cut_BMJD[0, 0, :, 0].tolist() == [0, 1, 2]
    assert cut_BMJD[1, 0, :2, 0].tolist() == [7, 8]
    assert real_BMJ.tolist() == [[[True] * 3, [True, True, False]], [[True, True, False], [True, False, False]]]
