from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.predictors import LinearPredictor, TransformerPredictor


def test_linear_is_one_map_for_every_future():
    predict = LinearPredictor(3, 4, futures=2)
    c = torch.randn(2, 5, 3)
    first, second = predict.map.weight.view(2, 4, 3)
    torch.testing.assert_close(predict(c), torch.stack([c @ first.T, c @ second.T], dim=2))


def test_transformer_does_not_look_ahead():
    predict = TransformerPredictor(8, 4, futures=3, heads=2, ff=16).eval()
    c = torch.randn(2, 6, 8)
    changed = c.clone()
    changed[:, 4:] += 1
    before, after = predict(c), predict(changed)
    assert before.shape == (2, 6, 3, 4)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])
    with pytest.raises(SonantError, match="8 heads"):
        TransformerPredictor(12, 4, futures=3)
