"""The turn-taking events of 2022: of the first projection models (Ekstedt and Skantze 2022, arXiv:2205.09812).

    shift, hold                        a tenth of a second of the silence before another, or the same speaker goes on
    pre_shift, pre_hold                the speech before that silence
    long_shift_onset, long_hold_onset  the beginning of the speech after it
    shift_overlap                      the other speaker goes on after overlap
    non_shift                          only who spoke last is active in the next two seconds
    backchannel, pre_backchannel       the beginning of a short response, and what comes before it

Everything here is determined by the activity; what the originals draw by chance is in ``balancing.py``. Seconds become
frames by ``int(seconds * rate)``. Letters: T frames, R runs, N regions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import require
from .events_2023 import isolated
from .gaps import Gaps, gaps_of, overlaps_of, with_clear_sides
from .regions import Events, in_order, merged, regions
from .states import Totals, checked, dialogue_states, filled_activity, last_speaker, runs_of


@dataclass(frozen=True)
class Events2022:
    """Settings, in seconds."""

    min_context: float = 3.0  # no event begins earlier
    max_time: float | None = None  # regions end before it; None: the whole dialogue
    pre_cond: float = 1.0  # only the first speaker, before a silence
    post_cond: float = 1.0  # only the next speaker, after it
    metric_pad: float = 0.05  # of silence before the region that is scored
    metric_dur: float = 0.1  # length of that region
    pre_label: float = 0.5  # before a silence or a backchannel
    onset: float = 0.2  # of the speech after a silence
    non_shift_horizon: float = 2.0  # in which nobody else speaks
    non_shift_majority: float = 1.0  # share of the activity in it that is the last speaker's
    bc_max_duration: float = 1.0
    bc_min_duration: float = 0.2
    bc_pre_silence: float = 1.0  # of the speaker of a backchannel, before it
    bc_post_silence: float = 2.0  # and after it
    bc_onset: float = 0.2  # of a backchannel

    def frames(self, name: str, rate: float) -> int:
        """A setting in frames."""
        return int(getattr(self, name) * rate)


def events_2022(activity_TC: np.ndarray, *, rate: float, settings: Events2022 | None = None) -> Events:
    """All events of a dialogue; arguments and result as of ``events_2023``. Regions of a speaker that touch are one."""
    cfg = settings or Events2022()
    activity_TC = checked(activity_TC)
    require(rate > 0, f"a frame rate is positive, got {rate}")
    states_T = dialogue_states(activity_TC)
    runs, filled = runs_of(states_T), Totals(filled_activity(activity_TC))
    limit = len(activity_TC) if cfg.max_time is None else cfg.frames("max_time", rate)
    around = {"before": cfg.frames("pre_cond", rate), "after": cfg.frames("post_cond", rate)}
    silences = gaps_of(runs)
    silences = silences[silences.length_R >= cfg.frames("metric_pad", rate) + cfg.frames("metric_dur", rate)]
    silent = with_clear_sides(_in_time(silences, cfg, rate, limit), filled, **around)
    both = with_clear_sides(_in_time(overlaps_of(runs), cfg, rate, limit), filled, **around)
    shifts, holds, overlaps = silent[silent.shift_R], silent[~silent.shift_R], both[both.shift_R]
    found = {
        "shift": _scored(shifts, cfg, rate),
        "pre_shift": _before(shifts, cfg, rate),
        "long_shift_onset": _onset(shifts, cfg, rate),
        "hold": _scored(holds, cfg, rate),
        "pre_hold": _before(holds, cfg, rate),
        "long_hold_onset": _onset(holds, cfg, rate),
        "shift_overlap": _scored(overlaps, cfg, rate),
        "non_shift": non_shift_regions(activity_TC, cfg, rate, limit),
        **_backchannels(activity_TC, cfg, rate, limit),
    }
    return {kind: merged(table_N3) for kind, table_N3 in found.items()}


def _in_time(gaps: Gaps, cfg: Events2022, rate: float, limit: int) -> Gaps:
    """The gaps whose scored region lies after the context and before the end."""
    begin_R = gaps.start_R + cfg.frames("metric_pad", rate)
    end_R = begin_R + cfg.frames("metric_dur", rate)
    return gaps[(begin_R >= cfg.frames("min_context", rate)) & (end_R < limit)]


def _scored(gaps: Gaps, cfg: Events2022, rate: float) -> np.ndarray:
    start_R = gaps.start_R + cfg.frames("metric_pad", rate)
    return regions(start_R, cfg.frames("metric_dur", rate), gaps.after_R)


def _before(gaps: Gaps, cfg: Events2022, rate: float) -> np.ndarray:
    return _ahead(gaps.start_R, gaps.after_R, cfg, rate)


def _ahead(start_R: np.ndarray, speaker_R: np.ndarray, cfg: Events2022, rate: float) -> np.ndarray:
    """The frames before each start, where the dialogue has them."""
    size = cfg.frames("pre_label", rate)
    known_R = start_R >= size
    return regions(start_R[known_R] - size, size, speaker_R[known_R])


def _onset(gaps: Gaps, cfg: Events2022, rate: float) -> np.ndarray:
    return regions(gaps.end_R, cfg.frames("onset", rate), gaps.after_R)


def non_shift_regions(activity_TC: np.ndarray, cfg: Events2022, rate: float, limit: int) -> np.ndarray:
    """Where the last speaker has (nearly) all activity of the next seconds, as far as these are known."""
    T, horizon = len(activity_TC), cfg.frames("non_shift_horizon", rate)
    totals, n_T = Totals(activity_TC), np.arange(T)
    last_T = last_speaker(dialogue_states(activity_TC)).astype(np.int64)
    own_T, other_T = (totals.active(n_T + 1, n_T + 1 + horizon, who) for who in (last_T % 2, 1 - last_T % 2))
    only_T = (own_T > 0) & (own_T >= cfg.non_shift_majority * (own_T + other_T)) & (last_T < 2)
    only_T &= (n_T >= cfg.frames("min_context", rate)) & (n_T < min(limit, T - horizon))
    runs = runs_of(np.where(only_T, last_T, 2))
    kept_R = runs.value_R < 2
    return regions(runs.start_R[kept_R], runs.end_R[kept_R], runs.value_R[kept_R])


def _backchannels(activity_TC: np.ndarray, cfg: Events2022, rate: float, limit: int) -> Events:
    """Backchannels on the raw track whose last speaker before was the other one."""
    last_T = last_speaker(dialogue_states(activity_TC))
    tables = []
    for speaker in (0, 1):
        runs = runs_of(activity_TC[:, speaker])
        found = isolated(
            runs,
            longest=cfg.frames("bc_max_duration", rate),
            shortest=cfg.frames("bc_min_duration", rate),
            before=cfg.frames("bc_pre_silence", rate),
            after=cfg.frames("bc_post_silence", rate),
        )
        start_R = runs.start_R[found]
        kept_R = (start_R >= cfg.frames("min_context", rate)) & (last_T[start_R - 1] == 1 - speaker)
        tables.append(regions(start_R[kept_R], cfg.frames("bc_onset", rate), np.full(kept_R.sum(), speaker)))
    onset_N3 = in_order(np.concatenate(tables))
    onset_N3 = onset_N3[onset_N3[:, 1] < limit]
    return {"backchannel": onset_N3, "pre_backchannel": _ahead(onset_N3[:, 0], onset_N3[:, 2], cfg, rate)}
