from __future__ import annotations

import pytest
import torch

from sonant.nn.lstm_step import FEW, lstm_step


@pytest.mark.parametrize("frames", [1, FEW - 1, FEW, 2 * FEW])
@torch.no_grad()
def test_equals_the_library(frames):
    torch.manual_seed(0)
    rnn = torch.nn.LSTM(5, 7, batch_first=True).double()
    x, state = torch.randn(3, frames, 5, dtype=torch.float64), tuple(torch.randn(2, 1, 3, 7, dtype=torch.float64))
    wanted, (h, c) = rnn(x, state)
    found, (own_h, own_c) = lstm_step(rnn, x, state)
    for a, b in ((found, wanted), (own_h, h), (own_c, c)):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
