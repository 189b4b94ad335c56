"""SPC: the numbers of PASE and of SpeechBrain's recipe, and where both draw from."""

from __future__ import annotations

import pytest
import torch
from worker_parts import Oracle, frames, seen, worker

from sonant.core import SonantError, generator


@pytest.mark.parametrize("case", ["spc0", "spc1", "spc2"])
def test_losses_gradients_and_ranges_are_those_of_pase(oracle_dir, case):
    oracle = Oracle(oracle_dir / "pase" / "losses.npz")
    (chunk,) = oracle.embeddings("emb_chunk")
    made = worker("spc", in_dim=12, hidden=16)
    made.head.load_state_dict(oracle.head(case))
    places = oracle[f"{case}/t_range_t,future_range_f,past_range_p"].tolist()
    out = made.loss_at(chunk, *(row[2] for row in places))
    torch.testing.assert_close(out.total, oracle[f"{case}/loss"], atol=1e-6, rtol=1e-6)
    (grad,) = torch.autograd.grad(out.total, chunk)
    torch.testing.assert_close(grad.transpose(1, 2), oracle[f"{case}/grad_emb_chunk"], atol=1e-8, rtol=1e-4)
    assert [(a, b - 1) for a, b in made.ranges(100, places[0][2])] == [tuple(row[:2]) for row in places]


def test_loss_and_ranges_are_those_of_the_recipe(oracle_dir):
    """The recipe names a stretch by its last frame, ours the future by its first and the past by the frame after it."""
    oracle = Oracle(oracle_dir / "pase" / "seed_recipe.npz")
    made = worker("spc", in_dim=20, hidden=16, places="recipe")
    made.head.load_state_dict(oracle.head("spc"))
    (*_, now), (first, last, future), (low, high, past) = oracle["spc/picks_lo_hi_value"].tolist()
    out = made.loss_at(oracle["emb_6xTxD"][:2], now, future - 4, past + 1)
    torch.testing.assert_close(out.total, oracle["spc/loss"], atol=1e-6, rtol=1e-6)
    _, ours_future, ours_past = made.ranges(100, now)
    assert (ours_future, ours_past) == ((first - 4, last - 4 + 1), (low + 1, high + 1 + 1))


@pytest.mark.parametrize("places", ["pase", "recipe"])
def test_stretches_keep_their_distance(places):
    made, draw, frames_ = worker("spc", in_dim=4, places=places), generator("spc"), 64
    for _ in range(200):
        now, future, past = made.draw(frames_, draw)
        assert past >= 5 and future + 5 <= frames_
        assert now - (past - 1) > 15 - (places == "recipe") and future + 4 - now >= 15


def test_short_chunks_are_told():
    made = worker("spc", in_dim=4)
    made.loss(seen(frames(torch.randn(2, 44, 4))))
    with pytest.raises(SonantError, match="lengthen data.chunk_seconds"):
        made.loss(seen(frames(torch.randn(2, 42, 4))))
