"""Search of a short sequence in long ones, against the recursion written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.nn.subsequence_dtw import search


def brute(distance_NM: np.ndarray) -> float:
    cost = {(0, j): distance_NM[0, j] for j in range(distance_NM.shape[1])}
    for i in range(1, distance_NM.shape[0]):
        for j in range(distance_NM.shape[1]):
            before = [cost[i - 1, j - back] for back in (0, 1, 2) if j >= back]
            cost[i, j] = distance_NM[i, j] + min(before)
    last = distance_NM.shape[0] - 1
    return min(cost[last, j] for j in range(distance_NM.shape[1])) / distance_NM.shape[0]


@pytest.mark.parametrize("scale_rows", [False, True])
def test_equals_the_recursion_in_every_document(scale_rows):
    rng = np.random.default_rng(0)
    lengths = [1, 7, 2, 12, 5]
    blocks = [rng.random((6, length)) for length in lengths]
    found = search(torch.from_numpy(np.concatenate(blocks, 1)), torch.tensor(lengths), scale_rows=scale_rows)
    for block, cost in zip(blocks, found.tolist(), strict=True):
        if scale_rows:
            low, high = block.min(1, keepdims=True), block.max(1, keepdims=True)
            block = (block - low) / np.maximum(high - low, 1e-9)
        assert cost == pytest.approx(brute(block), abs=1e-12)


def test_a_query_is_found_where_it_lies():
    rng = np.random.default_rng(1)
    document, query = rng.standard_normal((30, 4)), None
    query = document[10:18:2]  # said twice as fast
    distance = np.linalg.norm(query[:, None] - document[None], axis=2)
    assert search(torch.from_numpy(distance), torch.tensor([30])).item() == 0


def test_wrong_lengths_are_refused():
    with pytest.raises(SonantError, match="5 frames in all, distances to 6"):
        search(torch.zeros(2, 6), torch.tensor([5]))
    with pytest.raises(SonantError, match="need frames"):
        search(torch.zeros(2, 6), torch.tensor([6, 0]))
