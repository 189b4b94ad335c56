"""Stretches of frames in which something happens, by kind.

A region is (start, end, speaker): frames [start, end) and who it is about. Letters: T frames, N regions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Events = dict[str, np.ndarray]  # kind -> (N, 3) int64: start, end, speaker


def regions(start_N: np.ndarray, end_N: np.ndarray | int, speaker_N: np.ndarray) -> np.ndarray:
    """(N, 3) regions in order of time; ``end_N`` may be one number of frames for all: their length."""
    end_N = start_N + end_N if np.isscalar(end_N) else end_N
    table_N3 = np.stack([start_N, end_N, np.asarray(speaker_N)], axis=1).astype(np.int64)
    return in_order(table_N3)


def in_order(table_N3: np.ndarray) -> np.ndarray:
    """Regions sorted by start, end, speaker."""
    return table_N3[np.lexsort(table_N3.T[::-1])]


def merged(table_N3: np.ndarray) -> np.ndarray:
    """Regions of one speaker that touch or overlap, as one."""
    parts = []
    for speaker in (0, 1):
        own_N3 = in_order(table_N3[table_N3[:, 2] == speaker])
        if not len(own_N3):
            continue
        reach_N = np.maximum.accumulate(own_N3[:, 1])
        first_N = np.r_[True, own_N3[1:, 0] > reach_N[:-1]]
        start_M = own_N3[first_N, 0]
        end_M = reach_N[np.r_[np.flatnonzero(first_N)[1:] - 1, len(own_N3) - 1]]
        parts.append(regions(start_M, end_M, np.full(len(start_M), speaker)))
    return in_order(np.concatenate(parts)) if parts else table_N3


def as_lists(events: Mapping[str, np.ndarray]) -> dict[str, list[list[int]]]:
    """Events as plain lists, for JSON: ``{kind: [[start_frame, end_frame, speaker], ...]}``."""
    return {kind: table_N3.tolist() for kind, table_N3 in events.items()}


def from_lists(events: Mapping[str, list]) -> Events:
    """The inverse of ``as_lists``."""
    return {kind: np.array(rows, dtype=np.int64).reshape(-1, 3) for kind, rows in events.items()}
