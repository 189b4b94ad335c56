from __future__ import annotations

import math
import time

import numpy as np
import pytest

from sonant.evaluation.turn_taking.balancing import Balancer2022, Balancer2023
from sonant.evaluation.turn_taking.events_2022 import Events2022, events_2022
from sonant.evaluation.turn_taking.events_2023 import Events2023, events_2023
from sonant.evaluation.turn_taking.regions import as_lists, from_lists, merged
from sonant.evaluation.turn_taking.scoring import flipped_events

WHOLE = Events2023(max_time=None)


def conversations(oracle_dir):
    for file in sorted((oracle_dir / "conversation").glob("[0-9]*.npz")):
        yield np.load(file)


def rows(table) -> list:
    return sorted(map(tuple, np.asarray(table).tolist()))


def dialogue(seed: int = 0, frames: int = 30000) -> np.ndarray:
    """(T, 2) of an hour or less: runs of random length."""
    rng = np.random.default_rng(seed)
    tracks = [np.repeat(np.arange(frames // 20) % 2, rng.integers(2, 160, frames // 20))[:frames] for _ in range(2)]
    return np.stack(tracks, axis=1)


def talk(*parts: tuple[str, float], rate: int = 50) -> np.ndarray:
    """Activity of parts such as ("a", 2.0): who speaks how many seconds; ``-`` nobody, ``ab`` both."""
    return np.concatenate([np.tile([["a" in who, "b" in who]], (round(s * rate), 1)) for who, s in parts])


def test_events_of_2023_in_whole_conversations(oracle_dir):
    for known in conversations(oracle_dir):
        longest = math.ceil(float(known["duration"])) + 1
        found = events_2023(known["vad_50hz"], rate=50, settings=Events2023(max_time=longest))
        assert len(found) == 8
        for kind, table in found.items():
            assert rows(table) == rows(known[f"ev_full_{kind}"]), kind


def test_events_of_2023_in_windows(oracle_dir):
    for known in conversations(oracle_dir):
        found = {}
        for number, start in enumerate(known["win_start_frames"]):
            for kind, table in events_2023(known["vad_50hz"][start : start + 1100], rate=50).items():
                found.setdefault(kind, []).extend((number, *row) for row in table.tolist())
        for kind, table in found.items():
            assert sorted(table) == rows(known[f"ev_win_{kind}"]), kind


def test_events_of_2022(oracle_dir):
    for known in conversations(oracle_dir):
        found = events_2022(known["vad_50hz"], rate=50)
        assert len(found) == 10
        for kind, table in found.items():
            assert rows(table) == rows(known[f"ev22_{kind}"]), kind


@pytest.mark.parametrize(("make", "settings"), [(events_2023, WHOLE), (events_2022, Events2022())])
def test_events_know_no_order_of_speakers(make, settings):
    activity = dialogue()
    found = make(activity, rate=50, settings=settings)
    other = flipped_events(make(activity[:, ::-1], rate=50, settings=settings))
    assert sum(map(len, found.values())) > 100
    assert {kind: rows(table) for kind, table in found.items()} == {kind: rows(table) for kind, table in other.items()}
    again = from_lists(as_lists(found))
    assert all((again[kind] == table).all() for kind, table in found.items())
    assert all((table[:, 1] > table[:, 0]).all() for table in found.values())


def test_a_shift_and_a_hold():
    activity = talk(("-", 1), ("a", 3), ("-", 0.5), ("b", 2), ("-", 1), ("b", 2), ("-", 1))
    found = as_lists(events_2023(activity, rate=50))
    assert found["shift"] == [[200, 225, 1]]
    assert found["long"] == [[225, 235, 1]]
    assert found["pred_shift"] == [[175, 200, 1]]
    assert found["hold"] == [[325, 375, 1]]
    assert found["backchannel_neg_region"] == [[275, 375, 0]]


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ({"min_context": 4.1}, "shift"),
        ({"max_time": 3.9}, "shift"),
        ({"metric_time": 0.6}, "shift"),
        ({"pre_cond": 3.1}, "shift"),
        ({"post_cond": 5.5}, "shift"),
        ({"prediction_region": 1.5}, "pred_shift"),
        ({"long_condition": 2.1}, "long"),
        ({"negative_pad_left": 3.1}, "backchannel_neg_region"),
    ],
)
def test_every_setting_of_2023_counts(setting, kind):
    activity = talk(("-", 1), ("a", 3), ("-", 0.5), ("b", 2), ("-", 1), ("b", 2), ("-", 1))
    assert len(events_2023(activity, rate=50)[kind]) == 1
    assert len(events_2023(activity, rate=50, settings=Events2023(**setting))[kind]) == 0


@pytest.mark.parametrize("rate", [5, 10, 20, 100])
def test_a_backchannel_at_other_rates(rate):
    activity = talk(("a", 4), ("ab", 0.6), ("a", 4), rate=rate)
    found = events_2023(activity, rate=rate)["short"]
    assert found.tolist() == [[4 * rate, round(4.6 * rate), 1]]
    found = events_2022(activity, rate=rate)["backchannel"]
    assert found.tolist() == [[4 * rate, 4 * rate + int(0.2 * rate), 1]]
    assert len(events_2023(talk(("a", 4), ("ab", 1.4), ("a", 4), rate=rate), rate=rate)["short"]) == 0


def test_dialogues_without_events():
    for activity in (np.zeros((0, 2)), np.zeros((500, 2)), np.ones((500, 2)), talk(("a", 20))):
        assert not any(map(len, as_lists(events_2022(activity, rate=50)).values() if not activity.any() else ()))
        found = events_2023(activity, rate=50)
        assert sum(map(len, found.values())) == len(found["backchannel_neg_region"])


def test_regions_that_touch_are_one():
    table = np.array([[0, 5, 1], [5, 8, 1], [9, 12, 1], [2, 4, 0], [1, 3, 1]])
    assert merged(table).tolist() == [[0, 8, 1], [2, 4, 0], [9, 12, 1]]
    assert merged(table[:0]).shape == (0, 3)


def test_an_hour_takes_well_under_a_second():
    activity = dialogue(frames=180_000)
    begun = time.process_time()
    events_2023(activity, rate=50, settings=WHOLE)
    events_2022(activity, rate=50)
    assert time.process_time() - begun < 1.0


def inside(table, regions) -> bool:
    return all(any(s <= a and b <= e and who == w for s, e, w in regions.tolist()) for a, b, who in table.tolist())


def test_balanced_events_of_2023(oracle_dir):
    known = list(conversations(oracle_dir))
    balance, again = (Balancer2023(rate=50, seed=3) for _ in range(2))
    for one in known:
        events = events_2023(one["vad_50hz"], rate=50, settings=WHOLE)
        drawn, same = balance(events), again(events)
        assert all((drawn[kind] == same[kind]).all() for kind in drawn)
        assert len(drawn["hold"]) == len(events["shift"])
        assert len(drawn["pred_shift_neg"]) == len(events["pred_shift"])
        assert inside(drawn["pred_shift_neg"], events["pred_hold"])
        assert set(np.diff(drawn["pred_backchannel_neg"][:, :2])[:, 0].tolist()) <= {25}
        assert inside(drawn["pred_backchannel_neg"], events["backchannel_neg_region"])
    like_shifts = Balancer2023(rate=50, backchannel_negatives="pred_shift", equal_hold_shift=False)(events)
    assert len(like_shifts["pred_backchannel_neg"]) == len(events["pred_shift"])
    assert len(like_shifts["hold"]) == len(events["hold"])


def test_what_is_owed_is_drawn_later():
    empty = {kind: np.zeros((0, 3), dtype=int) for kind in events_2023(np.zeros((0, 2)), rate=50)}
    shift, holds = np.array([[200, 220, 1]]), np.array([[300 * k, 300 * k + 30, 0] for k in range(1, 5)])
    balance = Balancer2023(rate=50)
    assert len(balance({**empty, "shift": shift})["hold"]) == 0
    assert len(balance({**empty, "shift": shift, "hold": holds})["hold"]) == 2
    assert len(balance({**empty, "hold": holds})["hold"]) == 0


def test_balanced_events_of_2022(oracle_dir):
    balance = Balancer2022(rate=50, seed=1)
    for one in conversations(oracle_dir):
        activity = one["vad_50hz"]
        events = events_2022(activity, rate=50)
        drawn = balance(events, activity)
        assert len(drawn["pre_shift_neg"]) == len(events["pre_shift"])
        assert inside(drawn["pre_shift_neg"], events["non_shift"])
        for start, end, speaker in drawn["pre_shift_neg"].tolist():
            assert activity[start:end, speaker].all()
            assert not activity[start:end, 1 - speaker].any()
        listener = drawn["pre_backchannel_neg"]
        assert inside(listener * [1, 1, -1] + [0, 0, 1], events["non_shift"])
