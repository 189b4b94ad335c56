"""What goes on in each frame of a dialogue, and the runs of it. After Ekstedt and Skantze 2022 (arXiv:2205.09812).

Letters: T frames, C = 2 speakers, R runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import require

ONLY_0, SILENCE, BOTH, ONLY_1 = range(4)
NOBODY = 2  # as the last speaker: nobody yet, or both at once


def checked(activity_TC: np.ndarray) -> np.ndarray:
    """(T, 2) booleans of voice activity in any type of 0 and 1; SonantError for another shape."""
    activity_TC = np.asarray(activity_TC)
    require(
        activity_TC.ndim == 2 and activity_TC.shape[1] == 2,
        f"voice activity of a dialogue has the shape (frames, 2), got {activity_TC.shape}",
    )
    return activity_TC.astype(bool)


def dialogue_states(activity_TC: np.ndarray) -> np.ndarray:
    """(T,) uint8: 0 only speaker 0, 1 silence, 2 both, 3 only speaker 1."""
    a_T, b_T = checked(activity_TC).astype(np.int8).T
    return (2 * b_T - a_T + 1).astype(np.uint8)


@dataclass(frozen=True)
class Runs:
    """Stretches of equal values: (R,) first frame, frame after the last, value."""

    start_R: np.ndarray
    end_R: np.ndarray
    value_R: np.ndarray

    def __len__(self) -> int:
        return len(self.start_R)

    @property
    def length_R(self) -> np.ndarray:
        return self.end_R - self.start_R


def runs_of(values_T: np.ndarray) -> Runs:
    """The runs of a sequence, in order."""
    values_T = np.asarray(values_T)
    if not len(values_T):
        nothing = np.zeros(0, dtype=np.int64)
        return Runs(nothing, nothing, values_T)
    start_R = np.flatnonzero(np.r_[True, values_T[1:] != values_T[:-1]])
    return Runs(start_R, np.r_[start_R[1:], len(values_T)], values_T[start_R])


def last_speaker(states_T: np.ndarray) -> np.ndarray:
    """(T,) uint8: who spoke alone last, now included; 2 in overlap and before anybody spoke.

    Silence after overlap says 2 as well.
    """
    speaker_T = np.array([0, NOBODY, NOBODY, 1], dtype=np.uint8)[states_T]
    told_T = states_T != SILENCE
    place_T = np.maximum.accumulate(np.where(told_T, np.arange(len(states_T)), -1))
    return np.where(place_T < 0, NOBODY, speaker_T[place_T]).astype(np.uint8)


def next_speaker(states_T: np.ndarray) -> np.ndarray:
    """(T,) uint8: who speaks alone next, now included; 2 in overlap and after everybody spoke."""
    return last_speaker(states_T[::-1])[::-1]


def silence_kinds(states_T: np.ndarray, *, edges: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(T,) booleans hold and shift: silent frames between solo speech of one speaker, or of two.

    Args:
        edges: a silence with solo speech on one side only, and on the other overlap or the edge of the dialogue, is
            a shift too (the frame-wise marking of the first unit models).
    """
    before_T, after_T = last_speaker(states_T), next_speaker(states_T)
    silent_T = states_T == SILENCE
    told_T = silent_T & (before_T != NOBODY) & (after_T != NOBODY)
    differ_T = before_T != after_T
    return told_T & ~differ_T, (silent_T if edges else told_T) & differ_T


def filled_activity(activity_TC: np.ndarray) -> np.ndarray:
    """(T, 2) booleans: silences of any length right between two solo runs of one speaker are the speaker's."""
    filled_TC = checked(activity_TC).copy()
    hold_T, _ = silence_kinds(states_T := dialogue_states(filled_TC))
    before_T = last_speaker(states_T)
    for speaker in (0, 1):
        filled_TC[hold_T & (before_T == speaker), speaker] = True
    return filled_TC


class Totals:
    """Whether speakers are all active or all silent in many stretches at once.

    Args:
        activity_TC: (T, 2) booleans.
    """

    def __init__(self, activity_TC: np.ndarray):
        self.frames = len(activity_TC)
        self.total_TC = np.concatenate([np.zeros((1, 2), dtype=np.int64), activity_TC.cumsum(0)])

    def active(self, start_R: np.ndarray, end_R: np.ndarray, speaker_R: np.ndarray) -> np.ndarray:
        """(R,) active frames of a speaker in [start, end), as far as that lies in the dialogue."""
        start_R, end_R = (np.clip(x, 0, self.frames) for x in (start_R, end_R))
        return self.total_TC[end_R, speaker_R] - self.total_TC[start_R, speaker_R]

    def only(self, start_R: np.ndarray, size: int, speaker_R: np.ndarray) -> np.ndarray:
        """(R,) whether a speaker is active in all ``size`` frames from ``start``, and the other one in none.

        False for stretches that reach out of the dialogue.
        """
        own_R = self.active(start_R, start_R + size, speaker_R)
        other_R = self.active(start_R, start_R + size, 1 - speaker_R)
        return (own_R == size) & (other_R == 0)
