"""DTW of many pairs in torch, on any device: one operation for a cell of all tables at once.

Letters: P pairs, N and M frames of their sequences, K columns of an operand.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ._dtw_tiles import Packed

_CELLS = {"cpu": 2**21, "cuda": 2**28}  # frame distances held at once


def align_pairs(packed: Packed, i_P: np.ndarray, j_P: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P,) costs of sequences ``i_P`` with ``j_P``, and the lengths of the paths of d(i, j) and d(j, i)."""
    device = packed.operands.left_FK.device
    n_P, m_P = packed.length_N[i_P], packed.length_N[j_P]
    results = torch.empty(3, len(i_P), dtype=packed.operands.dtype).numpy()
    order_P = np.lexsort((m_P, n_P))
    for part in _parts(n_P[order_P], m_P[order_P], _CELLS.get(device.type, _CELLS["cpu"])):
        which = order_P[part]
        distance_PNM = _distances(packed, i_P[which], j_P[which])
        lengths = (torch.from_numpy(x[which]).to(device) for x in (n_P, m_P))
        results[:, which] = align(distance_PNM, *lengths).cpu().numpy()
    return results[0], results[1], results[2]


def align(distance_PNM: Tensor, n_P: Tensor, m_P: Tensor) -> Tensor:
    """(P, N, M) frame distances of pairs of ``n_P`` and ``m_P`` frames -> (3, P).

    Row 0 is the accumulated cost; rows 1 and 2 are the lengths of the path traced back with a preference for the
    diagonal, then left, then up; and for the diagonal, then up, then left.
    """
    cell_NMP = distance_PNM.permute(1, 2, 0).contiguous()
    rows, columns, pairs = cell_NMP.shape
    ends = {tuple(end) for end in torch.stack([n_P, m_P], dim=1).unique(dim=0).tolist()}
    outside = cell_NMP.new_zeros(3, pairs)
    outside[0] = torch.inf
    start, result = torch.zeros_like(outside), torch.zeros_like(outside)
    above: list[Tensor] = [outside] * columns
    for i in range(rows):
        left, here = outside, []
        for j in range(columns):
            diagonal = (above[j - 1] if j else outside) if i + j else start
            left = _step(diagonal, left, above[j], cell_NMP[i, j])
            here.append(left)
            if (i + 1, j + 1) in ends:
                result = torch.where((n_P == i + 1) & (m_P == j + 1), left, result)
        above = here
    return result


def _step(diagonal: Tensor, left: Tensor, up: Tensor, cell_P: Tensor) -> Tensor:
    """(3, P) costs and lengths of a cell from those of its neighbours."""
    turn = torch.minimum(left[0], up[0])
    straight = diagonal[0] <= turn
    one = torch.where(straight, diagonal[1], torch.where(left[0] <= up[0], left[1], up[1]))
    two = torch.where(straight, diagonal[2], torch.where(up[0] <= left[0], up[2], left[2]))
    return torch.stack([torch.minimum(diagonal[0], turn) + cell_P, one + 1, two + 1])


def _distances(packed: Packed, i_P: np.ndarray, j_P: np.ndarray) -> Tensor:
    """(P, N, M) frame distances; past the end of a sequence its last frame stands in."""
    left_PNK = _gather(packed, packed.operands.left_FK, i_P)
    right_PMK = _gather(packed, packed.operands.right_FK, j_P)
    return packed.operands.between(left_PNK, right_PMK)


def _gather(packed: Packed, x_FK: Tensor, i_P: np.ndarray) -> Tensor:
    n_P1 = packed.length_N[i_P][:, None]
    step_PN = np.minimum(np.arange(n_P1.max()), n_P1 - 1)
    return x_FK[torch.from_numpy(packed.first_N[i_P][:, None] + step_PN).to(x_FK.device)]


def _parts(n_P: np.ndarray, m_P: np.ndarray, cells: int) -> Iterator[slice]:
    """Slices of sorted pairs whose padded tables have at most ``cells`` cells, of one pair at least."""
    begin = 0
    while begin < len(n_P):
        size = max(1, cells // int(n_P[begin] * m_P[begin]))
        while size > 1:  # later pairs are longer
            end = min(begin + size, len(n_P))
            if (end - begin) * int(n_P[end - 1]) * int(m_P[begin:end].max()) <= cells:
                break
            size //= 2
        yield slice(begin, min(begin + size, len(n_P)))
        begin += size
