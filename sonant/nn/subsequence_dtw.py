"""Where in a long sequence does a short one occur? Dynamic time warping with open ends.

Each frame of the query is matched to one frame of the document, which from one query frame to the next stays, moves
on by one or by two (steps (1, 0), (1, 1), (1, 2): the pattern "asymmetric" of Sakoe and Chiba 1978 as R's and Python's
``dtw`` name it). The path may begin and end anywhere in the document. The cost is the mean distance over the query.

A row of the table depends on the row before it alone, so that all documents are searched at once.

Letters: N frames of the query, F frames of all documents, M documents.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core import require

_LEAST = 1e-9  # the smallest spread that rows are divided by


def search(distance_NF: Tensor, lengths_M: Tensor, *, scale_rows: bool = False) -> Tensor:
    """Cost of the best match of a query in each document.

    Args:
        distance_NF: (N, F) distances between the frames of the query and those of all documents, one document after
            the other.
        lengths_M: (M,) frames of each document, F in all, none of them 0.
        scale_rows: bring the distances of each query frame to the frames of a document to [0, 1] first.

    Returns:
        (M,) mean distances along the best paths.
    """
    N, F = distance_NF.shape
    require(N > 0 and int(lengths_M.min()) > 0, "a query and the documents it is sought in need frames")
    require(int(lengths_M.sum()) == F, f"documents of {int(lengths_M.sum())} frames in all, distances to {F}")
    owner_F = torch.arange(len(lengths_M), device=distance_NF.device).repeat_interleave(lengths_M)
    first_M = lengths_M.cumsum(0) - lengths_M
    place_F = torch.arange(F, device=distance_NF.device) - first_M[owner_F]
    if scale_rows:
        distance_NF = _scaled(distance_NF, owner_F, len(lengths_M))
    cost_F = distance_NF[0]
    for row_F in distance_NF[1:]:
        best_F = cost_F
        for back in (1, 2):
            moved_F = cost_F.roll(back).masked_fill(place_F < back, torch.inf)
            best_F = torch.minimum(best_F, moved_F)
        cost_F = row_F + best_F
    return _least(cost_F[None], owner_F, len(lengths_M), "amin")[0] / N


def _least(x_NF: Tensor, owner_F: Tensor, documents: int, reduce: str) -> Tensor:
    """(N, M) smallest (or largest) value of every row within each document."""
    start = x_NF.new_full((x_NF.shape[0], documents), torch.inf if reduce == "amin" else -torch.inf)
    return start.scatter_reduce(1, owner_F.expand_as(x_NF), x_NF, reduce)


def _scaled(x_NF: Tensor, owner_F: Tensor, documents: int) -> Tensor:
    low_NM, high_NM = (_least(x_NF, owner_F, documents, reduce) for reduce in ("amin", "amax"))
    return (x_NF - low_NM[:, owner_F]) / (high_NM - low_NM).clamp(min=_LEAST)[:, owner_F]
