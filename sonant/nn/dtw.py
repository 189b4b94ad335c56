"""Dynamic time warping of many pairs of sequences at once.

Steps (1, 0), (0, 1), (1, 1), all of weight 1; both ends are fixed; costs accumulate in the type of the frame
distances. The path is traced back from the end: the diagonal if it is no dearer than both others, else left (one
frame less of the second sequence) if no dearer than up, else up. On CPU cores a compiled kernel does the work
when numba is installed; otherwise, and on other devices, torch does, with the pairs as the last dimension.

Letters: P pairs, N and M frames of their sequences, R rows, C columns, F frames, D dimensions.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..core import require, unknown
from . import _dtw_kernels as kernels
from . import _dtw_torch
from ._dtw_tiles import Packed, fill, split
from .frame_distance import Distance, Operands, operands, unit_frames

NORMALISE = ("path", "lengths", "none")
Normalise = Literal["path", "lengths", "none"]


def dtw(distance_PNM: Tensor, n_P: Tensor, m_P: Tensor) -> tuple[Tensor, Tensor]:
    """Align pairs of sequences whose frame distances are given.

    Args:
        distance_PNM: (P, N, M) distances, padded on the right.
        n_P, m_P: (P,) frames of the first and second sequences.

    Returns:
        (P,) accumulated costs and (P,) numbers of cells of the paths, of the type of the distances.
    """
    cost_P, length_P, _ = _dtw_torch.align(distance_PNM, n_P, m_P)
    return cost_P, length_P


def dtw_path(distance_NM: np.ndarray) -> np.ndarray:
    """(K, 2) cells (i, j) of the cheapest path through (N, M) distances, from first to last."""
    distance_NM = np.ascontiguousarray(distance_NM, dtype=np.float32)
    require(distance_NM.ndim == 2 and distance_NM.size > 0, f"a path needs (N, M) distances, got {distance_NM.shape}")
    path_K2 = np.empty((sum(distance_NM.shape), 2), np.int64)
    trace = kernels.compiled(kernels.trace) if numba_installed() else kernels.trace
    return path_K2[: trace(distance_NM, path_K2)][::-1].copy()


def pairwise_dtw(
    x: Sequence[np.ndarray],
    y: Sequence[np.ndarray] | None = None,
    *,
    distance: Distance,
    normalise: Normalise,
    threads: int | None = None,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """DTW distances of every sequence of ``x`` to every one of ``y`` (of ``x`` itself when None).

    Args:
        x, y: (T, D) arrays; for angular and cosine distances frames are brought to norm 1 here.
        distance: between frames, see ``nn.frame_distance.operands``.
        normalise: ``path`` divides costs by the length of the path, ``lengths`` by the sum of both lengths.
        threads: CPU threads; None: as many as this process may use.
        device: where to compute.

    Returns:
        (len(x), len(y)) float32.
    """
    everything = [*x, *(y or ())]
    require(len(everything) > 0, "pairwise_dtw needs at least one sequence")
    length_N = np.array([len(sequence) for sequence in everything])
    frames_FD = torch.from_numpy(np.concatenate(everything))
    if distance in ("angular", "cosine"):
        frames_FD = unit_frames(frames_FD)
    first_N, rows_R = np.cumsum(length_N) - length_N, np.arange(len(x))
    block = Block(rows_R, None if y is None else np.arange(len(x), len(everything)))
    options = {"normalise": normalise, "threads": threads, "device": device}
    with PairwiseDTW(operands(frames_FD, distance), first_N, length_N, **options) as engine:
        return engine.run([block])[0][0]


@dataclass(frozen=True)
class Block:
    """Sequences to compare, as indices: all ``rows_R`` with all ``columns_C``, or with each other (None).

    ``both`` asks for d(column, row) besides d(row, column): they differ where paths of equal cost do.
    """

    rows_R: np.ndarray
    columns_C: np.ndarray | None = None
    both: bool = False

    @property
    def pairs(self) -> int:
        """Distinct pairs that have to be aligned."""
        rows = len(self.rows_R)
        return rows * (rows + 1) // 2 if self.columns_C is None else rows * len(self.columns_C)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of every distinct pair."""
        if self.columns_C is None:
            return np.triu_indices(len(self.rows_R))
        row_RC, column_RC = np.indices((len(self.rows_R), len(self.columns_C)))
        return row_RC.ravel(), column_RC.ravel()

    def outputs(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Empty arrays for the distances in both directions; one and the same when rows meet each other."""
        if self.columns_C is None:
            square = np.empty((len(self.rows_R), len(self.rows_R)), dtype)
            return square, square
        forward = np.empty((len(self.rows_R), len(self.columns_C)), dtype)
        return forward, np.empty(forward.shape[::-1] if self.both else (0, 0), dtype)


class PairwiseDTW:
    """DTW distances of blocks of sequences. A context manager: it holds threads.

    Args:
        frames: operands of a distance that hold the frames of all sequences.
        first_N, length_N: sequence i is made of frames ``first_N[i] .. first_N[i] + length_N[i] - 1``.
        normalise: what the accumulated cost is divided by: the length of the ``path``, the sum of both
            ``lengths``, or ``none``.
        threads: CPU threads; None: as many as this process may use.
        device: ``cpu``, ``cuda``, ...
        use_numba: None: where it is installed and the device is the CPU.
    """

    def __init__(
        self,
        frames: Operands,
        first_N: np.ndarray,
        length_N: np.ndarray,
        *,
        normalise: Normalise,
        threads: int | None = None,
        device: torch.device | str = "cpu",
        use_numba: bool | None = None,
    ):
        if normalise not in NORMALISE:
            raise unknown("normalisation", normalise, NORMALISE)
        require(len(length_N) == 0 or length_N.min() > 0, "a sequence without frames cannot be aligned")
        self.dtype = torch.empty(0, dtype=frames.dtype).numpy().dtype
        self.normalise = NORMALISE.index(normalise)
        self.packed = Packed(frames.to(device), first_N.astype(np.int64), length_N.astype(np.int64))
        possible = torch.device(device).type == "cpu" and numba_installed()
        self.compiled = possible if use_numba is None else use_numba
        self.threads = threads or available_cores()
        self._pool = ThreadPoolExecutor(self.threads)

    def __enter__(self) -> PairwiseDTW:
        return self

    def __exit__(self, *failure) -> None:
        self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable, items: Sequence) -> list:
        """``function`` of every item, on all threads, in order."""
        return list(self._pool.map(function, items))

    def run(self, blocks: Sequence[Block]) -> list[tuple[np.ndarray, np.ndarray]]:
        """(R, C) distances d(row, column) of each block and (C, R) distances d(column, row), empty unless asked for.

        A block of rows among each other gives the same (R, R) array twice.
        """
        jobs = [(block, *block.outputs(self.dtype)) for block in blocks]
        with _precise(threads=1 if self.compiled else self.threads):
            if not self.compiled:
                self._run_torch(jobs)
            elif len(jobs) == 1:
                self.map(lambda work: fill(work, self.packed, self.normalise), self._split(*jobs[0]))
            else:
                self.map(self._run_small, jobs)
        return [(forward, backward) for _, forward, backward in jobs]

    def _split(self, block: Block, forward: np.ndarray, backward: np.ndarray):
        columns_C = block.rows_R if block.columns_C is None else block.columns_C
        return split(self.packed, block.rows_R, columns_C, forward=forward, backward=backward)

    def _run_small(self, job: tuple) -> None:
        for work in self._split(*job):
            fill(work, self.packed, self.normalise)

    def _run_torch(self, jobs: Sequence[tuple[Block, np.ndarray, np.ndarray]]) -> None:
        places = [block.places() for block, _, _ in jobs]
        columns = [block.rows_R if block.columns_C is None else block.columns_C for block, _, _ in jobs]
        i_P = np.concatenate([job[0].rows_R[row] for job, (row, _) in zip(jobs, places, strict=True)])
        j_P = np.concatenate([ids_C[column] for ids_C, (_, column) in zip(columns, places, strict=True)])
        cost_P, one_P, two_P = _dtw_torch.align_pairs(self.packed, i_P, j_P)
        if self.normalise:
            both_P = (self.packed.length_N[i_P] + self.packed.length_N[j_P]).astype(self.dtype)
            one_P = two_P = both_P if self.normalise == 1 else np.ones_like(both_P)
        begin = 0
        for (row, column), (_, forward, backward) in zip(places, jobs, strict=True):
            part = slice(begin, begin + len(row))
            forward[row, column] = cost_P[part] / one_P[part]
            if backward.size:
                backward[column, row] = cost_P[part] / two_P[part]
            begin = part.stop


def numba_installed() -> bool:
    """Whether the compiled kernels can be used."""
    return importlib.util.find_spec("numba") is not None


def available_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _precise(*, threads: int) -> Iterator[None]:
    """Full float32 matrix products on ``threads`` threads of torch, whatever the process has chosen."""
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_float32_matmul_precision(precision)
