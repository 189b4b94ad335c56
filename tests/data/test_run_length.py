from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.data.run_length import condense, expand


def test_a_sequence():
    units, frames = condense(np.array([7, 7, 7, 2, 7, 7]))
    assert (units.tolist(), frames.tolist()) == ([7, 2, 7], [3, 1, 2])


@given(st.lists(st.integers(0, 3), max_size=60))
def test_expand_undoes_condense(sequence):
    units_T = np.array(sequence, dtype=np.int32)
    units_R, frames_R = condense(units_T)
    assert expand(units_R, frames_R).tolist() == sequence
    assert (units_R[1:] != units_R[:-1]).all()
    assert (frames_R > 0).all()


def test_it_condenses_as_the_original_does(oracle_dir):
    with np.load(oracle_dir / "conversation" / "ulm_two_tier.npz") as stored:
        for ids, units, frames, length in zip(
            stored["input_ids"],
            stored["condensed"],
            stored["condensed_durations"],
            stored["condensed_lengths"],
            strict=True,
        ):
            units_R, frames_R = condense(ids)
            assert units_R.tolist() == units[:length].tolist()
            assert frames_R.tolist() == frames[:length].tolist()


def test_shapes_that_do_not_fit():
    with pytest.raises(SonantError, match="one number per frame"):
        condense(np.zeros((3, 1)))
    with pytest.raises(SonantError, match="2 units and 3 durations"):
        expand(np.arange(2), np.arange(3))
