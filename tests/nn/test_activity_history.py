from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.nn.activity_history import activity_history, history_begin, history_step


def test_real_conversations(oracle_dir):
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        known = np.load(file)
        activity = torch.from_numpy(known["vad_50hz"])
        as_published = activity_history(activity, rate=50, oldest="never")
        np.testing.assert_array_equal(as_published, known["vad_history_50hz"])
        right = activity_history(activity, rate=50)
        np.testing.assert_array_equal(right[:, 1:], known["vad_history_50hz"][:, 1:])
        assert (right[4000:, 0] != 0.5).any()


def test_by_definition():
    bounds, rate = (3.0, 2.0, 1.0), 4
    activity = torch.rand(40, 2) < 0.3
    found = activity_history(activity, rate=rate, bounds_s=bounds)
    newer = [12, 8, 4, 0]
    older = [None, 12, 8, 4]
    for n in range(40):
        for number, (first, last) in enumerate(zip(older, newer, strict=True)):
            begin = 0 if first is None else max(n - first + 1, 0)
            part = activity[begin : max(n - last + 1, 0)].sum(0)
            wanted = 0.5 if n < last or part.sum() == 0 else part[0] / part.sum()
            assert float(found[n, number]) == pytest.approx(float(wanted))


def test_flipping_batches_and_causality():
    activity = torch.rand(2, 60, 2) < 0.4
    options = {"rate": 2, "bounds_s": (8.0, 4.0)}
    both = activity_history(activity, **options)
    torch.testing.assert_close(activity_history(activity.flip(-1), **options), 1 - both)
    torch.testing.assert_close(activity_history(activity[1], **options), both[1])
    torch.testing.assert_close(activity_history(activity[:, :33], **options), both[:, :33])


def test_bounds_must_fall():
    with pytest.raises(SonantError, match="must fall"):
        activity_history(torch.zeros(4, 2), rate=50, bounds_s=(5.0, 10.0))


@pytest.mark.parametrize("oldest", ["filled", "never"])
@pytest.mark.parametrize("rate", [20, 2.5])
def test_counted_piece_by_piece(rate, oldest):
    generator = torch.Generator().manual_seed(0)
    runs = torch.rand(2, 90, 2, generator=generator) < 0.3
    activity = runs.repeat_interleave(25, dim=1).to(torch.uint8)
    state, found = history_begin(2, rate=rate), []
    size = state.shape
    for piece in activity.split([0, 1, 400, 7, 1842], dim=1):
        shares, state = history_step(piece, state, rate=rate, oldest=oldest)
        found.append(shares)
    assert state.shape == size
    assert torch.equal(torch.cat(found, dim=1), activity_history(activity, rate=rate, oldest=oldest))
