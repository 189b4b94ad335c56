"""Distances between word tokens: by DTW between sequences of frames, directly between vectors.

All pairs come as one condensed vector (``_sd_pairs``), computed a stripe of rows at a time, so that memory is that
of the vector; or only the pairs that are named.

Letters: N tokens, T frames of one, F frames of all, D dimensions, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ..core import require, unknown
from ..nn.dtw import NORMALISE, Block, Normalise, PairwiseDTW
from ..nn.frame_distance import operands, unit_frames
from ._sd_pairs import count_pairs, first_of_row

FRAME_DISTANCES = ("cosine", "euclidean", "sqeuclidean", "angular", "kl", "identical")
VECTOR_DISTANCES = ("cosine", "euclidean", "sqeuclidean", "chebyshev", "hamming")
PRECISIONS = {"float32": torch.float32, "float64": torch.float64}
_PAIRS_AT_ONCE = 2**20
Progress = Callable[[int, int], None]


def dtw_distances(
    words: Sequence[np.ndarray],
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    distance: str = "cosine",
    normalise: Normalise = "lengths",
    unit: bool = False,
    precision: str = "float32",
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> np.ndarray:
    """DTW distances of word tokens.

    Args:
        words: (T, D) frames of each token.
        pairs: (P,) first and (P,) second tokens; None: all pairs, condensed.
        distance: between frames: one of ``FRAME_DISTANCES``. For ``cosine`` a frame of zeros is at distance 0 from
            other such frames and 2 from all others.
        normalise: the accumulated cost is divided by N + M (``lengths``), by the length of the ``path``, or not.
        unit: bring frames to norm 1 first (``cosine`` and ``angular`` always do).
        precision: of frame distances and sums, ``float32`` or ``float64`` (half as fast).
        threads: CPU threads; None: as many as this process may use.
        device: where to compute.
        progress: called with (pairs done, pairs in all).

    Returns:
        (P,) distances.
    """
    _check_name("distance between frames", distance, FRAME_DISTANCES)
    _check_name("precision", precision, PRECISIONS)
    _check_name("normalisation", normalise, NORMALISE)
    frames_FD, length_N = _stacked(words)
    if unit or distance in ("cosine", "angular"):
        frames_FD = unit_frames(frames_FD)
    prepared = operands(frames_FD, distance, dtype=PRECISIONS[precision])
    options = {"normalise": normalise, "threads": threads, "device": device}
    with PairwiseDTW(prepared, np.cumsum(length_N) - length_N, length_N, **options) as engine:
        if pairs is not None:
            return _named(engine, *pairs, progress=progress)
        return _condensed(len(words), lambda rows: _stripe(engine, rows, len(words)), engine.dtype, progress)


def vector_distances(
    x_ND: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    distance: str = "cosine",
    precision: str = "float32",
    progress: Progress | None = None,
) -> np.ndarray:
    """Distances of vectors, computed in float64 and rounded to ``precision``; arguments as ``dtw_distances``.

    Args:
        distance: one of ``VECTOR_DISTANCES``; ``hamming`` is the share of unequal coordinates.

    Raises:
        SonantError: vectors of zeros for ``cosine``, which have no direction.
    """
    _check_name("distance between vectors", distance, VECTOR_DISTANCES)
    _check_name("precision", precision, PRECISIONS)
    x_ND = np.asarray(x_ND, np.float64)
    require(x_ND.ndim == 2, f"vectors must be (tokens, dimensions), got shape {x_ND.shape}")
    require(np.isfinite(x_ND).all(), "some vectors contain NaN or infinite numbers")
    x = torch.from_numpy(_unit(x_ND) if distance == "cosine" else x_ND)
    dtype = np.dtype(precision)
    if pairs is not None:
        parts = _slices(len(pairs[0]), _PAIRS_AT_ONCE // 16)
        found = [_between(x[pairs[0][p], None], x[pairs[1][p], None], distance)[:, 0, 0] for p in parts]
        return torch.cat(found).numpy().astype(dtype) if found else np.empty(0, dtype)

    def stripe(rows: slice) -> Iterator[np.ndarray]:
        block = _between(x[rows], x[rows.start :], distance).numpy()
        return (line[number + 1 :] for number, line in enumerate(block))

    return _condensed(len(x_ND), stripe, dtype, progress)


def _condensed(
    tokens: int, stripe: Callable[[slice], Iterator[np.ndarray]], dtype: np.dtype, progress: Progress | None
) -> np.ndarray:
    """All pairs; ``stripe`` gives, for a slice of tokens, the distances of each to all tokens after it."""
    whole = np.empty(count_pairs(tokens), dtype)
    for rows in _slices(tokens, max(1, _PAIRS_AT_ONCE // max(tokens, 1))):
        for row, line in zip(range(rows.start, rows.stop), stripe(rows), strict=True):
            whole[first_of_row(row, tokens) :][: len(line)] = line
        if progress is not None:
            progress(first_of_row(rows.stop, tokens), len(whole))
    return whole


def _stripe(engine: PairwiseDTW, rows: slice, tokens: int) -> Iterator[np.ndarray]:
    """DTW distances of some tokens to all after them: those among each other, then those to the rest."""
    rows_R, rest_C = np.arange(rows.start, rows.stop), np.arange(rows.stop, tokens)
    square_RR = engine.run([Block(rows_R)])[0][0]
    rest_RC = engine.run([Block(rows_R, rest_C)])[0][0] if len(rest_C) else np.empty((len(rows_R), 0), engine.dtype)
    return (np.concatenate([square_RR[r, r + 1 :], rest_RC[r]]) for r in range(len(rows_R)))


def _named(engine: PairwiseDTW, first_P: np.ndarray, second_P: np.ndarray, *, progress: Progress | None) -> np.ndarray:
    """DTW distances of the pairs given, those of one first token together."""
    order = np.argsort(first_P, kind="stable")
    edges = np.flatnonzero(np.diff(first_P[order], prepend=-1, append=-1))
    whole = np.empty(len(first_P), engine.dtype)
    for part in _slices(len(edges) - 1, 256):
        places = [order[edges[e] : edges[e + 1]] for e in range(part.start, part.stop)]
        blocks = [Block(first_P[place[:1]], second_P[place]) for place in places]
        for place, (forward, _) in zip(places, engine.run(blocks), strict=True):
            whole[place] = forward[0]
        if progress is not None:
            progress(int(edges[part.stop]), len(whole))
    return whole


def _between(left: torch.Tensor, right: torch.Tensor, distance: str) -> torch.Tensor:
    """(..., I, D) and (..., J, D) vectors -> (..., I, J) distances in float64."""
    if distance == "cosine":
        return 1.0 - (left @ right.transpose(-1, -2)).clamp_(-1.0, 1.0)
    if distance in ("euclidean", "sqeuclidean"):
        straight = torch.cdist(left, right, compute_mode="donot_use_mm_for_euclid_dist")
        return straight if distance == "euclidean" else straight.square()
    power = float("inf") if distance == "chebyshev" else 0.0
    return torch.cdist(left, right, p=power) / (left.shape[-1] if distance == "hamming" else 1)


def _unit(x_ND: np.ndarray) -> np.ndarray:
    norm_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    zero = np.flatnonzero(norm_N1 == 0)
    first = zero[0] if len(zero) else None
    require(first is None, f"{len(zero)} vectors are zero (number {first} is the first) and have no cosine distance")
    return x_ND / norm_N1


def _stacked(words: Sequence[np.ndarray]) -> tuple[torch.Tensor, np.ndarray]:
    """(F, D) frames of all tokens, and (N,) how many each has."""
    for number, word in enumerate(words):
        good = word.ndim == 2 and len(word) > 0 and word.shape[1] == words[0].shape[1]
        require(
            good, f"token {number} has shape {word.shape}: all must be (frames, dimensions), of one size, not empty"
        )
    frames_FD = np.concatenate(words)
    frames_FD = frames_FD if frames_FD.dtype == np.float64 else frames_FD.astype(np.float32, copy=False)
    require(np.isfinite(frames_FD).all(), "some frames contain NaN or infinite numbers")
    return torch.from_numpy(frames_FD), np.array([len(word) for word in words])


def _slices(count: int, size: int) -> list[slice]:
    return [slice(begin, min(begin + size, count)) for begin in range(0, count, size)]


def _check_name(kind: str, name: str, known) -> None:
    if name not in known:
        raise unknown(kind, name, known)
