"""Sequences of units as runs of equal units, and back.

Letters: T frames, R runs.
"""

from __future__ import annotations

import numpy as np

from ..core import require


def condense(units_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R,) the unit of every run of equal units, and (R,) how many frames it lasts."""
    units_T = np.asarray(units_T)
    require(units_T.ndim == 1, f"units are one number per frame (T,), got shape {units_T.shape}")
    if not len(units_T):
        return units_T, np.zeros(0, dtype=np.int64)
    first_R = np.flatnonzero(np.concatenate([[True], units_T[1:] != units_T[:-1]]))
    return units_T[first_R], np.diff(first_R, append=len(units_T))


def expand(units_R: np.ndarray, frames_R: np.ndarray) -> np.ndarray:
    """(T,) units, one per frame: what ``condense`` was given."""
    require(len(units_R) == len(frames_R), f"{len(units_R)} units and {len(frames_R)} durations do not belong together")
    return np.repeat(units_R, frames_R)
