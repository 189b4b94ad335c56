"""From distances to the errors of ABX cells: how often X is nearer to B than to A.

For each X the distances to the tokens A of one speaker are sorted; two binary searches then say for each B how
many of them are smaller and how many equal. No triple is ever visited.

Letters: R rows (X), C columns (A and B), S segments of rows, T segments of columns, V speakers of columns,
Q cells.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..nn._dtw_kernels import compiled
from ..nn.dtw import numba_installed
from ._abx_cells import SpeakerDraw, Tokens


@dataclass(frozen=True)
class Cells:
    """Cells and their scores, as columns of equal length Q.

    Attributes:
        context, phone_a, phone_b, speaker, speaker_x: numbers of the labels; X and A are of ``phone_a``, A and B
            of ``speaker``.
        error: share of triples in which X is nearer to B, ties count one half, in [0, 1].
        triples: how many (A, B, X).
    """

    context: np.ndarray
    phone_a: np.ndarray
    phone_b: np.ndarray
    speaker: np.ndarray
    speaker_x: np.ndarray
    error: np.ndarray
    triples: np.ndarray

    def __len__(self) -> int:
        return len(self.error)

    @classmethod
    def joined(cls, parts: list[Cells]) -> Cells:
        """The cells of all parts."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class Segments:
    """Runs of tokens of one speaker and phone; segment t is tokens ``first[t] .. first[t + 1] - 1``."""

    first: np.ndarray
    phone: np.ndarray
    speaker: np.ndarray

    @classmethod
    def of(cls, tokens: Tokens, which: np.ndarray) -> Segments:
        """Segments of tokens sorted by speaker and phone."""
        phone, speaker = tokens.phone_N[which], tokens.speaker_N[which]
        begins = np.flatnonzero(np.r_[True, (np.diff(phone) != 0) | (np.diff(speaker) != 0)])
        return cls(np.r_[begins, len(which)], phone[begins], speaker[begins])

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.first)


def count_cells(
    tokens: Tokens,
    rows_R: np.ndarray,
    columns_C: np.ndarray,
    distance_RC: np.ndarray,
    *,
    within: bool,
    drawn: SpeakerDraw | None = None,
) -> Cells:
    """Scores of all cells whose X are among the rows and whose A and B are among the columns.

    Args:
        rows_R, columns_C: tokens of one context, sorted by speaker and phone.
        distance_RC: d(X, A or B).
        within: X of the same speaker as A and B (X never meets itself), else of another one.
        drawn: the X speakers to use; None: all.
    """
    rows, columns = Segments.of(tokens, rows_R), Segments.of(tokens, columns_C)
    context = int(tokens.context_N[rows_R[0]])
    voice_ST = rows.speaker[:, None] == columns.speaker[None]
    a_ST = (rows.phone[:, None] == columns.phone[None]) & (voice_ST if within else ~voice_ST)
    if drawn is not None:
        a_ST &= _wanted(rows, columns, a_ST, context, drawn)
    if within:
        a_ST &= columns.sizes[None] >= 2
    self_R = _places(rows_R, columns_C) if within else np.full(len(rows_R), -1)
    speakers, voice_T = np.unique(columns.speaker, return_inverse=True)
    bounds_V = np.r_[np.searchsorted(voice_T, np.arange(len(speakers))), len(voice_T)]
    match_SV = np.full((len(rows.phone), len(speakers)), -1)
    s, t = np.nonzero(a_ST)
    match_SV[s, voice_T[t]] = t
    hits_ST = np.zeros(a_ST.shape, np.int64)
    count = compiled(count_nearer) if numba_installed() else count_nearer_numpy
    count(distance_RC, rows.first, columns.first, bounds_V, match_SV, self_R, hits_ST)

    a_of_SV = match_SV[:, voice_T]
    s, b = np.nonzero((a_of_SV >= 0) & (a_of_SV != np.arange(len(voice_T))))
    a = a_of_SV[s, b]
    triples = rows.sizes[s] * (columns.sizes[a] - within) * columns.sizes[b]
    error = 1.0 - hits_ST[s, b] / (2.0 * triples)
    same = np.full(len(s), context)
    return Cells(same, rows.phone[s], columns.phone[b], columns.speaker[b], rows.speaker[s], error, triples)


def _places(rows_R: np.ndarray, columns_C: np.ndarray) -> np.ndarray:
    """(R,) which column each row token is; all of them are columns."""
    order_C = np.argsort(columns_C)
    return order_C[np.searchsorted(columns_C, rows_R, sorter=order_C)]


def _wanted(rows: Segments, columns: Segments, a_ST: np.ndarray, context: int, drawn: SpeakerDraw) -> np.ndarray:
    """(S, T) whether the speaker of a row segment was drawn for a column segment of the same phone."""
    wanted_ST = np.zeros_like(a_ST)
    for s, t in zip(*np.nonzero(a_ST), strict=True):
        chosen = drawn.chosen(context, int(columns.phone[t]), int(columns.speaker[t]))
        wanted_ST[s, t] = int(rows.speaker[s]) in chosen
    return wanted_ST


def count_nearer(distance_RC, rows_S, columns_T, bounds_V, match_SV, self_R, hits_ST):
    """Add to ``hits_ST[s, t]``, over the X of row segment s and the B of column segment t, twice the number of A
    nearer to X than B, plus the number of A as near. Compiled by numba.

    Args:
        rows_S, columns_T: first token of each segment, and one end.
        bounds_V: first column segment of each speaker, and one end.
        match_SV: the column segment that plays A, or -1.
        self_R: the column that is X itself, or -1.
    """
    near = np.empty(distance_RC.shape[1], distance_RC.dtype)
    for s in range(match_SV.shape[0]):
        for v in range(match_SV.shape[1]):
            a = match_SV[s, v]
            if a < 0:
                continue
            for r in range(rows_S[s], rows_S[s + 1]):
                size = 0
                for c in range(columns_T[a], columns_T[a + 1]):
                    if c != self_R[r]:
                        near[size] = distance_RC[r, c]
                        size += 1
                near[:size].sort()
                for t in range(bounds_V[v], bounds_V[v + 1]):
                    if t == a:
                        continue
                    for c in range(columns_T[t], columns_T[t + 1]):
                        value = distance_RC[r, c]
                        low, high = 0, size
                        while low < high:
                            middle = (low + high) >> 1
                            if near[middle] < value:
                                low = middle + 1
                            else:
                                high = middle
                        hits_ST[s, t] += low
                        while low < size and near[low] == value:
                            low += 1
                        hits_ST[s, t] += low


def count_nearer_numpy(distance_RC, rows_S, columns_T, bounds_V, match_SV, self_R, hits_ST):
    """The same as ``count_nearer`` without numba."""
    for s, v in zip(*np.nonzero(match_SV >= 0), strict=True):
        a, segments = match_SV[s, v], slice(bounds_V[v], bounds_V[v + 1])
        voice = slice(columns_T[segments.start], columns_T[segments.stop])
        starts = columns_T[segments] - voice.start
        for r in range(rows_S[s], rows_S[s + 1]):
            own = np.arange(columns_T[a], columns_T[a + 1])
            near = np.sort(distance_RC[r, own[own != self_R[r]]])
            hits = np.searchsorted(near, distance_RC[r, voice], "left")
            hits += np.searchsorted(near, distance_RC[r, voice], "right")
            hits_ST[s, segments] += np.add.reduceat(hits, starts)
        hits_ST[s, a] = 0
