from __future__ import annotations

import torch
import torch.nn.functional as F

from sonant.nn.reflect import reflect


def test_equals_torch_where_nothing_is_padded():
    x = torch.randn(2, 9, 3)
    for left, right in ((2, 2), (3, 4), (0, 8), (0, 0)):
        expected = F.pad(x.transpose(1, 2), (left, right), mode="reflect").transpose(1, 2)
        assert torch.equal(reflect(x, torch.tensor([9, 9]), left=left, right=right), expected)


def test_every_utterance_is_mirrored_at_its_own_end():
    x = torch.arange(1.0, 7).repeat(4, 1)[:, :, None]
    out = reflect(x, torch.tensor([6, 4, 2, 1]), left=2, right=3)[:, :, 0].tolist()
    assert out[0] == [3, 2, 1, 2, 3, 4, 5, 6, 5, 4, 3]
    assert out[1][:9] == [3, 2, 1, 2, 3, 4, 3, 2, 1]
    assert out[2][:7] == [1, 2, 1, 2, 1, 2, 1], "to and fro"
    assert out[3][:6] == [1, 1, 1, 1, 1, 1], "one frame is itself throughout"


def test_nothing_to_mirror():
    assert reflect(torch.zeros(2, 0, 3), torch.tensor([0, 0]), left=1, right=1).shape == (2, 0, 3)
