"""Which frames of two tokens of the same word belong together.

Letters: B pairs, N and M frames of a pair's sides, K cells of an alignment path, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..core import Batch, Frames, require
from .dtw import dtw_path
from .frame_distance import operands, unit_frames

Alignment = Literal["dtw", "given"]


def sides_of(batch: Batch, *, method: str) -> tuple[Batch, Batch]:
    """A batch and its partners. Raises SonantError when it has none."""
    require(batch.other is not None, f"{method} learns from pairs of the same word: use data.view pairs")
    return batch, batch.other


def paths_of(first: Frames, second: Frames, alignment: Alignment) -> list[np.ndarray]:
    """Which frames of both sides of every pair belong together, from first to last.

    Args:
        first, second: (B, N, D) and (B, M, D); no gradient flows through the choice of a path.
        alignment: ``dtw``: dynamic time warping by the cosine distance between frames, steps (1, 1), (0, 1) and
            (1, 0) of equal weight; ``given``: frame n belongs to frame n, because both sides were aligned before.

    Returns:
        (K, 2) cells (n, m) for every pair; none for a pair with an empty side.

    Raises:
        SonantError: sides of different lengths where the alignment is given.
    """
    if alignment == "dtw":
        return [path_of(x_ND, y_MD) for x_ND, y_MD in zip(first.unpad(), second.unpad(), strict=True)]
    lengths = first.lengths_B.tolist()
    require(
        lengths == second.lengths_B.tolist(),
        "alignment: given needs pairs whose sides have equal numbers of frames; align the archive, or choose dtw",
    )
    return [np.repeat(np.arange(n)[:, None], 2, axis=1) for n in lengths]


@torch.no_grad()
def path_of(x_ND: Tensor, y_MD: Tensor) -> np.ndarray:
    """(K, 2) cells (n, m) of the cheapest path between two sequences by the cosine distance, first to last."""
    if not (len(x_ND) and len(y_MD)):
        return np.zeros((0, 2), np.int64)
    unit_FD = unit_frames(torch.cat([x_ND, y_MD]))
    both = operands(unit_FD, "cosine", dtype=torch.float64)
    distance_NM = both.between(both.left_FK[: len(x_ND)], both.right_FK[len(x_ND) :])
    return dtw_path(distance_NM.float().cpu().numpy())


def stretch(frames: Frames, paths: Sequence[np.ndarray], *, side: Literal[0, 1]) -> Frames:
    """One side of every pair along its path, (B, K, D): a frame that belongs to several others is repeated."""
    lengths_B = torch.tensor([len(path) for path in paths], dtype=torch.long)
    place_BK = torch.zeros(len(paths), max((len(path) for path in paths), default=0), dtype=torch.long)
    for row_K, path in zip(place_BK, paths, strict=True):
        row_K[: len(path)] = torch.from_numpy(path[:, side])
    rows_B1 = torch.arange(len(paths), device=frames.device)[:, None]
    x_BKD = frames.x_BTD[rows_B1, place_BK.to(frames.device)]
    return Frames(x_BKD, lengths_B.to(frames.device), frames.geometry).masked()
