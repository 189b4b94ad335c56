"""DTW of every row sequence with every column sequence on CPU cores, tile by tile.

Rows and columns are sorted by length; columns are laid out in buckets of LANES sequences, frame by frame, so
that one matrix product gives a tile of frame distances that the compiled kernel reads in order.

Letters: N sequences, R rows, C columns, B buckets of L lanes, W columns of a tile, K columns of an operand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ._dtw_kernels import LANES, align, angular, compiled, store
from .frame_distance import Operands

TILE_ROWS, TILE_COLUMNS = 96, 2048  # frames; a tile of float32 stays in the second-level cache


@dataclass(frozen=True)
class Packed:
    """Many sequences: frames of sequence i are ``first_N[i] .. first_N[i] + length_N[i] - 1`` of the operands."""

    operands: Operands
    first_N: np.ndarray
    length_N: np.ndarray


@dataclass(frozen=True)
class Columns:
    """Sequences sorted by length, in buckets; the last bucket repeats its last sequence.

    Attributes:
        order_C: what the sorted columns were before sorting.
        first_B: first column of the tile of each bucket.
        frames_BL: frames of each sequence.
        right_WK: all their frames in the order of a tile.
    """

    order_C: np.ndarray
    first_B: np.ndarray
    frames_BL: np.ndarray
    right_WK: torch.Tensor


@dataclass(frozen=True)
class Work:
    """Rows against all columns of a block, and the outputs: d(row, column) forward, d(column, row) backward."""

    rows_R: np.ndarray
    places_R: np.ndarray
    firsts_R: np.ndarray
    columns: Columns
    forward: np.ndarray
    backward: np.ndarray


def split(
    packed: Packed, rows_R: np.ndarray, columns_C: np.ndarray, *, forward: np.ndarray, backward: np.ndarray
) -> list[Work]:
    """A block as pieces of work that may be done in any order and at the same time.

    When ``rows_R`` is ``columns_C`` itself, each pair is done once and both outputs may be one array.
    """
    columns = pack_columns(packed, columns_C)
    triangle = rows_R is columns_C
    length_R = packed.length_N[rows_R]
    order_R = columns.order_C if triangle else np.argsort(length_R, kind="stable")
    firsts_R = np.arange(len(rows_R)) if triangle else np.zeros(len(rows_R), np.int64)
    return [
        Work(rows_R[order_R[part]], order_R[part], firsts_R[part], columns, forward, backward)
        for part in cut(length_R[order_R], TILE_ROWS)
    ]


def pack_columns(packed: Packed, columns_C: np.ndarray) -> Columns:
    """Lay sequences out in buckets."""
    order_C = np.argsort(packed.length_N[columns_C], kind="stable")
    sequence_BL = columns_C[np.pad(order_C, (0, -len(order_C) % LANES), mode="edge")].reshape(-1, LANES)
    frames_BL = packed.length_N[sequence_BL]
    width_B = frames_BL[:, -1]
    first_B = np.cumsum(width_B) - width_B
    bucket_M = np.repeat(np.arange(len(width_B)), width_B)
    step_M1 = (np.arange(len(bucket_M)) - first_B[bucket_M])[:, None]
    frame_ML = packed.first_N[sequence_BL][bucket_M] + np.minimum(step_M1, frames_BL[bucket_M] - 1)
    right_WK = packed.operands.right_FK[torch.from_numpy(frame_ML.ravel())]
    return Columns(order_C, first_B * LANES, frames_BL, right_WK)


def cut(sizes: np.ndarray, limit: int) -> list[slice]:
    """Consecutive slices whose ``sizes`` sum to at most ``limit``, of one element at least."""
    slices, begin, total = [], 0, 0
    for index, size in enumerate(sizes.tolist()):
        if index > begin and total + size > limit:
            slices.append(slice(begin, index))
            begin, total = index, 0
        total += size
    slices.append(slice(begin, len(sizes)))
    return slices


def fill(work: Work, packed: Packed, normalise: int) -> None:
    """Do one piece of work; ``normalise`` as in the kernel ``store``."""
    columns, n_R = work.columns, packed.length_N[work.rows_R]
    row_R = np.cumsum(n_R) - n_R
    frame_I = np.repeat(packed.first_N[work.rows_R] - row_R, n_R) + np.arange(n_R.sum())
    left_IK = packed.operands.left_FK[torch.from_numpy(frame_I)]
    skip = int(work.firsts_R.min()) // LANES
    for part in cut(columns.frames_BL[skip:, -1] * LANES, TILE_COLUMNS):
        buckets = slice(skip + part.start, skip + part.stop)
        begin, frames_BL = columns.first_B[buckets.start], columns.frames_BL[buckets]
        end = columns.first_B[buckets.stop - 1] + frames_BL[-1, -1] * LANES
        tile = _tile(packed.operands, left_IK, columns.right_WK[begin:end])
        results = np.empty((len(n_R), len(frames_BL), 3, LANES), tile.dtype)
        compiled(align)(tile, row_R, n_R, columns.first_B[buckets] - begin, frames_BL, results)
        places = (n_R, frames_BL, work.places_R, work.firsts_R, normalise, work.forward, work.backward)
        compiled(store)(results, columns.order_C, buckets.start * LANES, *places)


def _tile(operands: Operands, left_IK: torch.Tensor, right_WK: torch.Tensor) -> np.ndarray:
    """(I, W) distances of frames."""
    product_IW = operands.product(left_IK, right_WK)
    if operands.distance != "angular" or operands.dtype == torch.float64:
        return operands.finish(product_IW, left_IK, right_WK).numpy()
    tile_IW = product_IW.numpy()
    compiled(angular)(tile_IW.reshape(-1))
    return tile_IW
