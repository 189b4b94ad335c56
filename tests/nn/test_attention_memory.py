from __future__ import annotations

import pytest
import torch

from sonant.nn.attention import causal_bias
from sonant.nn.attention_memory import MOST, Ring, Window

SLOPES = {"alibi": torch.tensor([0.5, 0.1]), "flat": None}
SIZES = {"heads": 2, "dim": 6}


def whole(q, k, v, width, slopes):
    """What a sequence at once would be given."""
    t = torch.arange(q.shape[2])
    bias = causal_bias(t, t, width=width, slopes_H=slopes)
    if slopes is None:
        bias = torch.zeros(bias.shape).masked_fill(~bias, -torch.inf)
    return (q @ k.transpose(2, 3) * 0.7 + bias.double()).softmax(-1) @ v


@pytest.mark.parametrize("slopes", SLOPES.values(), ids=SLOPES)
@pytest.mark.parametrize("width", [1, 5, 100, 1000])
def test_a_window_that_moves(width, slopes):
    """Two attentions of one step keep apart; the state keeps its size while the window moves on many times."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 2, 700, 3, dtype=torch.float64)
    state = Window.begin(2, 3, **SIZES, width=width, slopes_H=slopes, device="cpu", dtype=torch.float64)
    size, found, sizes = state["cache"].shape, [], [1, 3, MOST, 7, 1, 20]
    begin = number = 0
    while begin < 700:
        step = slice(begin, min(begin + sizes[number % len(sizes)], 700))
        window = Window(state, step.stop - step.start)
        found.append([window.attend(q[i, :, :, step], k[i, :, :, step], v[i, :, :, step], scale=0.7) for i in (0, 1)])
        state, begin, number = window.state, step.stop, number + 1
    assert state["cache"].shape == size and int(state["seen"]) == 700
    for i, pieces in enumerate(zip(*found, strict=True)):
        wanted = whole(q[i], k[i], v[i], width, slopes)
        torch.testing.assert_close(torch.cat(pieces, dim=2), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [1, 6])
@pytest.mark.parametrize(("frames", "early"), [(1, 0), (3, 0), (1, 2), (4, 1)])
@pytest.mark.parametrize("slopes", SLOPES.values(), ids=SLOPES)
def test_a_ring_that_somebody_else_writes(frames, early, slopes, width):
    """Frames before the beginning, whatever they hold, are seen by nobody."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 2, early + 40, 3, dtype=torch.float64)
    begin = {"slopes_H": slopes, "frames": frames, "early": early, "device": "cpu", "dtype": torch.float64}
    state, found = Ring.begin(2, 3, **SIZES, width=width, **begin), []
    for first in range(0, early + 40 - frames + 1, frames):
        ring, step = Ring(state, frames), slice(first, first + frames)
        before = [x.clone() for x in state["keys"]]
        found.append([ring.attend(q[i, :, :, step], k[i, :, :, step], v[i, :, :, step], scale=0.7) for i in (0, 1)])
        assert all(torch.equal(*pair) for pair in zip(before, state["keys"], strict=True))
        state = Ring.put(ring.state)
        assert all(x.isfinite().all() for x in found[-1])
    for i, pieces in enumerate(zip(*found, strict=True)):
        y = torch.cat(pieces, dim=2)[:, :, early:]
        wanted = whole(*(x[i, :, :, early : early + y.shape[2]] for x in (q, k, v)), width, slopes)
        torch.testing.assert_close(y, wanted, atol=1e-6, rtol=0)
