"""Silences between the solo speech of one speaker (holds) or of two (shifts): what both event sets begin with.

Letters: R gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .states import BOTH, ONLY_0, ONLY_1, SILENCE, Runs, Totals

SPEAKER = np.array([0, -1, -1, 1])  # of a solo state


@dataclass(frozen=True)
class Gaps:
    """Silence (or overlap) right between two solo runs.

    Attributes:
        start_R, end_R: its frames [start, end).
        before_R, after_R: who speaks before and after it.
        length_before_R, length_after_R: frames of those solo runs.
    """

    start_R: np.ndarray
    end_R: np.ndarray
    before_R: np.ndarray
    after_R: np.ndarray
    length_before_R: np.ndarray
    length_after_R: np.ndarray

    def __getitem__(self, chosen_R: np.ndarray) -> Gaps:
        return Gaps(*(getattr(self, name)[chosen_R] for name in self.__dataclass_fields__))

    @property
    def shift_R(self) -> np.ndarray:
        """Whether the speaker changes."""
        return self.before_R != self.after_R

    @property
    def length_R(self) -> np.ndarray:
        return self.end_R - self.start_R


def gaps_of(runs: Runs, state: int = SILENCE) -> Gaps:
    """All runs of ``state`` (silence, or ``BOTH``) between solo runs of a dialogue's states."""
    solo_R = (runs.value_R == ONLY_0) | (runs.value_R == ONLY_1)
    inner = np.flatnonzero((runs.value_R[1:-1] == state) & solo_R[:-2] & solo_R[2:]) + 1 if len(runs) > 2 else _NONE
    who_R, length_R = SPEAKER[runs.value_R], runs.length_R
    return Gaps(
        runs.start_R[inner], runs.end_R[inner], who_R[inner - 1], who_R[inner + 1], length_R[inner - 1],
        length_R[inner + 1],
    )  # fmt: skip


def overlaps_of(runs: Runs) -> Gaps:
    """Both speaking, right between solo runs."""
    return gaps_of(runs, BOTH)


def with_clear_sides(gaps: Gaps, filled: Totals, *, before: int, after: int) -> Gaps:
    """The gaps before which only the first speaker, and after which only the second one is active, in filled activity.

    Args:
        before, after: for so many frames. A stretch that reaches out of the dialogue is not clear.
    """
    clear_R = filled.only(gaps.start_R - before, before, gaps.before_R)
    return gaps[clear_R & filled.only(gaps.end_R, after, gaps.after_R)]


_NONE = np.zeros(0, dtype=np.int64)
