from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.turn_taking.states import (
    Totals,
    dialogue_states,
    filled_activity,
    last_speaker,
    next_speaker,
    runs_of,
    silence_kinds,
)


def activity(*tracks: str) -> np.ndarray:
    return np.array([[letter == "x" for letter in track] for track in tracks]).T


def test_real_conversations(oracle_dir):
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        known = np.load(file)
        states = dialogue_states(known["vad_50hz"])
        np.testing.assert_array_equal(states, known["dialog_states_50hz"])
        np.testing.assert_array_equal(last_speaker(states), known["last_speaker_50hz"])
        hold, shift = silence_kinds(states, edges=True)
        np.testing.assert_array_equal(hold, known["silence_hold_50hz"])
        np.testing.assert_array_equal(shift, known["silence_shift_50hz"])


def test_states_and_speakers():
    states = dialogue_states(activity(".x.xx..", "...x..x"))
    assert states.tolist() == [1, 0, 1, 2, 0, 1, 3]
    assert last_speaker(states).tolist() == [2, 0, 0, 2, 0, 0, 1]
    assert next_speaker(states).tolist() == [0, 0, 2, 2, 0, 1, 1]
    hold, shift = silence_kinds(states)
    assert not hold.any()
    assert shift.nonzero()[0].tolist() == [5]


def test_only_pauses_of_one_speaker_are_filled():
    before = activity("x..x.....xx..x", "....x...x.x...")
    assert filled_activity(before).T.tolist() == activity("xxxx.....xx..x", "....xxxxx.x...").T.tolist()
    assert before[1, 0] == 0


def test_runs():
    runs = runs_of(np.array([3, 3, 1, 3]))
    assert (runs.start_R.tolist(), runs.end_R.tolist(), runs.value_R.tolist()) == ([0, 2, 3], [2, 3, 4], [3, 1, 3])
    assert len(runs_of(np.zeros(0))) == 0


def test_a_stretch_that_leaves_the_dialogue_is_not_clear():
    totals = Totals(activity("xxxx", "...x"))
    start = np.array([-1, 0, 1, 2, 3])
    assert totals.only(start, 2, np.zeros(5, dtype=int)).tolist() == [False, True, True, False, False]


def test_other_shapes_are_refused():
    with pytest.raises(SonantError, match="shape"):
        dialogue_states(np.zeros((5, 3)))
