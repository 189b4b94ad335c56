"""CPC among the workers."""

from __future__ import annotations

import math

import pytest
import torch
from worker_parts import frames, seen, worker

from sonant.core import SonantError


def test_knowing_nothing_scores_the_log_of_the_frames():
    made = worker("cpc", in_dim=4, horizons=3, skip=0)
    for weight in made.parameters():
        torch.nn.init.zeros_(weight)
    out = made.loss(seen(frames(torch.randn(2, 20, 4), [20, 11])))
    assert out.total.item() == pytest.approx((math.log(20) + math.log(11)) / 2)


def test_every_utterance_counts_the_same_and_padding_nothing():
    made, x = worker("cpc", in_dim=4, horizons=3, skip=1), torch.randn(2, 20, 4)
    whole = made.loss(seen(frames(x, [20, 9])))
    alone = [made.loss(seen(frames(x[:1]))), made.loss(seen(frames(x[1:, :9])))]
    torch.testing.assert_close(whole.total, torch.stack([out.total for out in alone]).mean())
    torch.testing.assert_close(whole.parts["acc"], torch.stack([out.parts["acc"] for out in alone]).mean())


def test_short_chunks_are_told():
    with pytest.raises(SonantError, match="lengthen data.chunk_seconds"):
        worker("cpc", in_dim=4).loss(seen(frames(torch.randn(2, 12, 4))))
