from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.data.activity import (
    activity_frames,
    activity_stretches,
    checked_activity,
    cleaned,
    frame_of,
    joined,
    read_activity,
    write_activity,
)


@pytest.mark.parametrize("rate", [50, 20, 100])
def test_frames_of_real_conversations(oracle_dir, rate):
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        known = np.load(file)
        activity = [known[f"vad_list_ch{channel}"].tolist() for channel in (0, 1)]
        found = activity_frames(activity, rate=rate, duration=float(known["duration"]))
        np.testing.assert_array_equal(found, known[f"vad_{rate}hz"])


def test_the_rule_of_frames_is_no_rounding():
    assert frame_of(0.58, 50) == 28
    assert frame_of(0.6, 50) == 30
    assert activity_frames([[(0.0, 0.1)], []], rate=20).tolist() == [[1, 0], [1, 0]]
    assert activity_frames([[(0.01, 0.018)], []], rate=50, duration=0.1).sum() == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.sampled_from([50, 100, 12.5]))
def test_stretches_are_the_inverse_of_frames(track, rate):
    frames = np.array([track, track[::-1]], dtype=np.uint8).T.reshape(-1, 2)
    stretches = activity_stretches(frames, rate=rate, join_s=0.0, decimals=None)
    moved = [[(a + 0.1 / rate, b + 0.1 / rate) for a, b in channel] for channel in stretches]  # off the binary edge
    found = activity_frames(moved, rate=rate, duration=(len(track) + 0.1) / rate)
    np.testing.assert_array_equal(found, frames)


def test_short_gaps_are_joined():
    frames = np.zeros((50, 2))
    frames[[0, 1, 5, 6, 30], 1] = 1
    assert activity_stretches(frames, rate=50) == [[], [(0.0, 0.14), (0.6, 0.62)]]
    assert activity_stretches(frames, rate=50, join_s=0.0)[1] == [(0.0, 0.04), (0.1, 0.14), (0.6, 0.62)]
    assert joined([(0, 1), (0.2, 0.5), (1.25, 2), (2.125, 3)], 0.25) == [(0, 1), (1.25, 3)]


def test_flicker_goes_silences_first():
    track = np.array([0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0])
    both = np.stack([track, 1 - track], axis=1)
    assert cleaned(both, rate=50).T.tolist() == [[0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1]]
    assert cleaned(both, rate=50, fill_s=0, drop_s=0).T.tolist() == both.T.tolist()
    assert both[2, 0] == 0


def test_files(tmp_path):
    activity = [[(0.0, 1.5), (2.0, 2.25)], []]
    write_activity(tmp_path / "a.json", activity)
    assert read_activity(tmp_path / "a.json") == activity
    (tmp_path / "b.json").write_text(json.dumps({"session": "x", "vad_list": activity}))
    assert read_activity(tmp_path / "b.json") == activity


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("{", "no JSON"),
        ('{"a": 1}', "has no 'activity'"),
        ("3", "no activity list"),
        ("[[]]", "1 channels"),
        ("[[[0, 1]], [[2]]]", "channel 1.*no stretch"),
        ("[[[2, 1]], []]", "channel 0.*no stretch"),
        ("[[[0, NaN]], []]", "no stretch"),
        ('[[["a", "b"]], []]', "no stretch"),
    ],
)
def test_what_is_no_activity_list(tmp_path, raw, said):
    (tmp_path / "a.json").write_text(raw)
    with pytest.raises(SonantError, match=said):
        read_activity(tmp_path / "a.json")


def test_overlapping_stretches_are_one():
    assert checked_activity([[[2, 4], [0, 1], [3, 3.5]], []], "it") == [[(0, 1), (2, 4)], []]
    with pytest.raises(SonantError, match="cannot read"):
        read_activity("nowhere.json")
    with pytest.raises(SonantError, match="frame rate"):
        activity_frames([[], []], rate=0)
