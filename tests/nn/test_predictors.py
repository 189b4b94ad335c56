from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn.predictors import FullPredictor, LinearPredictor, RecurrentPredictor, TransformerPredictor


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


def test_recurrent_is_an_lstm_whose_state_holds_all_futures():
    predict = RecurrentPredictor(3, 4, futures=2)
    c = torch.randn(2, 5, 3)
    assert predict(c).shape == (2, 5, 2, 4)
    torch.testing.assert_close(predict(c).flatten(2), predict.rnn(c)[0])


def test_full_sees_both_sides_and_no_padding():
    predict = FullPredictor(8, 4, futures=1, heads=2, ff=16).eval()
    c = torch.randn(1, 6, 8)
    seen = torch.arange(6)[None] < 4
    torch.testing.assert_close(predict(c, seen)[:, :4], predict(c[:, :4]))
    assert not torch.allclose(predict(c)[:, 0], predict(c[:, :4])[:, 0])
    with pytest.raises(SonantError, match="8 heads"):
        FullPredictor(12, 4, futures=1)
