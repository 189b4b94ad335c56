"""Does a model hear that a turn is about to end? Its probability of a shift around the points where a phrase could end.

Short and long phrases with the same first words (Ekstedt and Skantze 2022, arXiv:2209.05161, Sec. 3.2): at the short
completion point (SCP) the short phrase ends and the long one goes on, and before it prosody alone tells them apart.
A model that hears it expects a shift at short@SCP and long@EOT (the end of the turn), and none at long@SCP.

Letters: T frames, N files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ...core import require, samples_of

Regions = dict[str, tuple[int, int]]  # name -> frames [start, end)
Cut = Literal["analysis", "training"]

NEAR_S = 0.2  # s before a point in which a shift is foretold, and after it
PLACES = ("short@SCP", "long@SCP", "long@EOT")
NAMES = {"analysis": ("hold", "predictive", "reactive", "post"), "training": ("hold", "predictive", "reactive")}


def phrase_regions(seconds: float, rate: float, *, cut: Cut = "analysis") -> Regions:
    """The regions around a point, as frames.

    ``analysis``: hold until 0.2 s before the point, predictive until two frames before it, reactive from there to the
    frame of the point itself, post the 0.2 s after that. At rates where 0.2 s is two frames or fewer (10 Hz, 5 Hz)
    nothing is predictive. ``training`` (what is logged while training): hold until 0.2 s before the point, predictive
    these 0.2 s, reactive the 0.2 s after it.

    Args:
        seconds: the point.
        rate: frames per second.
    """
    require(seconds > 0, f"a phrase ends after its beginning, got {seconds:g} s")
    last, near = samples_of(seconds, rate), samples_of(NEAR_S, rate)
    if cut == "training":
        edges = ((0, last - near), (last - near, last), (last, last + near))
    else:
        edges = ((0, last - near), (last - near, last - 2), (last - 2, last + 1), (last + 1, last + 1 + near))
    return {name: (max(start, 0), max(end, start, 0)) for name, (start, end) in zip(NAMES[cut], edges, strict=True)}


def region_means(p_T: np.ndarray, regions: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """The mean of each region; NaN of one without a frame."""
    return {name: float(np.mean(p_T[a:b])) if len(p_T[a:b]) else float("nan") for name, (a, b) in regions.items()}


def summary(means: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Over files: mean, standard deviation (n - 1; 0 of one file) and number, for every region that has frames."""
    found = {}
    for name in dict.fromkeys(name for one in means for name in one):
        values_N = np.array([one[name] for one in means if np.isfinite(one.get(name, np.nan))])
        if len(values_N):
            spread = float(values_N.std(ddof=1)) if len(values_N) > 1 else 0.0
            found[name] = {"mean": float(values_N.mean()), "sd": spread, "files": len(values_N)}
    return found


def share_higher(pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> dict[str, float]:
    """For every region the share of pairs whose first is higher (a tie is half), in [0, 1]; chance is 0.5."""
    found = {}
    for name in dict.fromkeys(name for first, _ in pairs for name in first):
        apart_N = np.array([first[name] - second.get(name, np.nan) for first, second in pairs])
        apart_N = apart_N[np.isfinite(apart_N)]
        if len(apart_N):
            found[name] = float((apart_N > 0).mean() + 0.5 * (apart_N == 0).mean())
    return found


def aligned(curves: Sequence[np.ndarray], frames: Sequence[int], *, before: int, after: int) -> np.ndarray:
    """(before + after, 2) mean and standard deviation over files around a frame of each; NaN where no file reaches.

    Args:
        curves: (T,) of each file.
        frames: the frame of each that comes to lie at row ``before``.
    """
    stacked_NT = np.full((len(curves), before + after), np.nan)
    for row_T, p_T, frame in zip(stacked_NT, curves, frames, strict=True):
        first, last = max(frame - before, 0), min(frame + after, len(p_T))
        if last > first:
            row_T[first - frame + before : last - frame + before] = p_T[first:last]
    there_T = np.isfinite(stacked_NT).any(0)
    found_T2 = np.full((before + after, 2), np.nan)
    found_T2[there_T, 0] = np.nanmean(stacked_NT[:, there_T], axis=0)
    found_T2[there_T, 1] = np.nanstd(stacked_NT[:, there_T], axis=0)
    return found_T2
