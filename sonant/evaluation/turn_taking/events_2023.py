"""The turn-taking events of 2023: of the stereo projection models (Ekstedt, Wang, Szekely, Gustafson, Skantze 2023).

    shift, hold              a silence after which the other, or the same speaker goes on: all of it
    long                     the beginning of speech after a shift that goes on
    pred_shift, pred_hold    the speech before a shift or hold
    short                    a short response (backchannel): all of it
    pred_backchannel         what comes before it
    backchannel_neg_region   long solo speech; the speaker of the region is the one who listens

Everything here is determined by the activity; what the originals draw by chance is in ``balancing.py``. Seconds become
frames by ``int(seconds * rate)``. Letters: T frames, R runs, N regions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import require
from .gaps import Gaps, gaps_of, with_clear_sides
from .regions import Events, in_order, regions
from .states import ONLY_0, ONLY_1, Runs, Totals, checked, dialogue_states, filled_activity, runs_of


@dataclass(frozen=True)
class Events2023:
    """Settings, in seconds."""

    min_context: float = 3.0  # no event begins earlier
    max_time: float | None = 20.0  # no event begins later; None: the whole dialogue
    metric_time: float = 0.2  # of silence that is scored; with the pad the shortest silence
    metric_pad: float = 0.05  # after which that begins
    pre_cond: float = 1.0  # only the first speaker, before a silence
    post_cond: float = 1.0  # only the next speaker, after it
    prediction_region: float = 0.5  # before the event
    long_onset_region: float = 0.2  # after a shift
    long_condition: float = 1.0  # solo speech after a shift
    bc_pre_silence: float = 1.0  # of the speaker of a backchannel, before it
    bc_post_silence: float = 1.0  # and after it (a later configuration has 2.0)
    bc_max_duration: float = 1.0
    negative_pad_left: float = 1.0  # solo speech before a place without backchannel
    negative_pad_right: float = 2.0  # and after it

    def frames(self, name: str, rate: float) -> int:
        """A setting in frames."""
        return int(getattr(self, name) * rate)


def events_2023(activity_TC: np.ndarray, *, rate: float, settings: Events2023 | None = None) -> Events:
    """All events of a dialogue.

    Args:
        activity_TC: (T, 2) of 0 and 1. It includes what comes after ``max_time``, as far as known.
        rate: frames per second.

    Returns:
        Regions (N, 3) by kind, in order of time: start, end, speaker. The speaker of a silence is who speaks after it.
    """
    cfg = settings or Events2023()
    activity_TC = checked(activity_TC)
    require(rate > 0, f"a frame rate is positive, got {rate}")
    filled_TC = filled_activity(activity_TC)
    limit = len(activity_TC) if cfg.max_time is None else cfg.frames("max_time", rate)
    return {
        **_silences(activity_TC, filled_TC, cfg, rate, limit),
        **_backchannels(filled_TC, cfg, rate, limit),
        "backchannel_neg_region": _long_speech(filled_TC, cfg, rate, limit),
    }


def _silences(
    activity_TC: np.ndarray, filled_TC: np.ndarray, cfg: Events2023, rate: float, limit: int
) -> Events:  # fmt: skip
    gaps = gaps_of(runs_of(dialogue_states(activity_TC)))
    shortest = int((cfg.metric_time + cfg.metric_pad) * rate)
    in_time_R = (gaps.start_R >= cfg.frames("min_context", rate)) & (gaps.start_R < limit)
    gaps = gaps[in_time_R & (gaps.length_R >= shortest)]
    before, after = (cfg.frames(name, rate) for name in ("pre_cond", "post_cond"))
    gaps = with_clear_sides(gaps, Totals(filled_TC), before=before, after=after)
    shifts, holds = gaps[gaps.shift_R], gaps[~gaps.shift_R]
    long = shifts[shifts.length_after_R >= cfg.frames("long_condition", rate)]
    return {
        "shift": regions(shifts.start_R, shifts.end_R, shifts.after_R),
        "hold": regions(holds.start_R, holds.end_R, holds.after_R),
        "long": regions(long.end_R, cfg.frames("long_onset_region", rate), long.after_R),
        "pred_shift": _before(shifts, cfg, rate),
        "pred_hold": _before(holds, cfg, rate),
    }


def _before(gaps: Gaps, cfg: Events2023, rate: float) -> np.ndarray:
    """The end of the speech before each gap, where that is long enough; it is about the next speaker."""
    size = cfg.frames("prediction_region", rate)
    start_R = gaps.start_R - size
    kept_R = (gaps.length_before_R >= size) & (start_R >= cfg.frames("min_context", rate))
    return regions(start_R[kept_R], size, gaps.after_R[kept_R])


def _backchannels(filled_TC: np.ndarray, cfg: Events2023, rate: float, limit: int) -> Events:
    earliest, size = cfg.frames("min_context", rate), cfg.frames("prediction_region", rate)
    tables = []
    for speaker in (0, 1):
        runs = runs_of(filled_TC[:, speaker])
        found = isolated(
            runs,
            longest=cfg.frames("bc_max_duration", rate),
            before=cfg.frames("bc_pre_silence", rate),
            after=cfg.frames("bc_post_silence", rate),
        )
        start_R, end_R = runs.start_R[found], runs.end_R[found]
        kept_R = (start_R >= earliest) & (start_R < limit)
        tables.append(regions(start_R[kept_R], end_R[kept_R], np.full(kept_R.sum(), speaker)))
    short_N3 = in_order(np.concatenate(tables))
    known_N = short_N3[:, 0] - size >= earliest
    ahead_N3 = short_N3[known_N]
    return {"short": short_N3, "pred_backchannel": regions(ahead_N3[:, 0] - size, size, ahead_N3[:, 2])}


def isolated(runs: Runs, *, longest: int, before: int, after: int, shortest: int = 1) -> np.ndarray:
    """Numbers of a track's active runs of limited length with enough silence on both sides; not the first or last."""
    if len(runs) < 3:
        return np.zeros(0, dtype=np.int64)
    length_R = runs.length_R
    inner_R = runs.value_R[1:-1] & (length_R[1:-1] >= shortest) & (length_R[1:-1] <= longest)
    return np.flatnonzero(inner_R & (length_R[:-2] >= before) & (length_R[2:] >= after)) + 1


def _long_speech(filled_TC: np.ndarray, cfg: Events2023, rate: float, limit: int) -> np.ndarray:
    left, right = (cfg.frames(name, rate) for name in ("negative_pad_left", "negative_pad_right"))
    runs = runs_of(dialogue_states(filled_TC))
    solo_R = ((runs.value_R == ONLY_0) | (runs.value_R == ONLY_1)) & (runs.length_R >= left + right)
    start_N = np.maximum(runs.start_R[solo_R] + left, cfg.frames("min_context", rate))
    end_N = np.minimum(runs.end_R[solo_R] - right, limit)
    listener_N = (runs.value_R[solo_R] == ONLY_0).astype(np.int64)
    kept_N = end_N - start_N >= cfg.frames("prediction_region", rate)
    return regions(start_N[kept_N], end_N[kept_N], listener_N[kept_N])
