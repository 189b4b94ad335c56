"""Voice activity of a dialogue: stretches in seconds, and frames of 0 and 1.

The activity list of voice activity projection is ``[[[start, end], ...], [[start, end], ...]]``: stretches of speech in
seconds for each of two channels, in order and without overlap.

Its rule for frames is ``int(t / (1 / rate))`` for both ends, the end left out, in double precision. It is kept to the
letter and is no rounding: 0.58 s at 50 Hz is frame 28, for 0.58 / 0.02 is a little below 29. This conversion therefore
lies here and not in ``core/geometry.py``. A stretch of less than a frame can vanish.

Letters: T frames, C = 2 channels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core import SonantError, require
from ..core.files import write_text

Stretch = tuple[float, float]  # onset and offset in s
Activity = list[list[Stretch]]  # for each channel

SHAPE = "expected [[[start, end], ...], [[start, end], ...]]: stretches of speech in seconds, for two channels"


def frame_of(seconds: float, rate: float) -> int:
    """The frame of a time by the rule of activity lists (above)."""
    return int(seconds / (1 / rate))


def duration_of(activity: Activity) -> float:
    """The last offset, in seconds; 0 where nobody speaks."""
    return max((stretch[1] for channel in activity for stretch in channel), default=0.0)


def activity_frames(activity: Activity, *, rate: float, duration: float | None = None) -> np.ndarray:
    """(T, C) uint8 frames, T = ``int(duration / (1 / rate))``.

    Args:
        rate: frames per second.
        duration: of the dialogue in seconds; None: to the last offset. What lies behind it is cut.
    """
    require(rate > 0 and math.isfinite(rate), f"a frame rate is a positive number, got {rate}")
    T = frame_of(duration_of(activity) if duration is None else duration, rate)
    frames_TC = np.zeros((T, len(activity)), dtype=np.uint8)
    for channel, stretches in enumerate(activity):
        for onset, offset in stretches:
            frames_TC[frame_of(onset, rate) : frame_of(offset, rate), channel] = 1
    return frames_TC


def activity_stretches(
    frames_TC: np.ndarray, *, rate: float, join_s: float = 0.1, decimals: int | None = 2
) -> Activity:
    """The inverse of ``activity_frames``, as near as frames tell it.

    Args:
        frames_TC: (T, C) of 0 and 1.
        join_s: stretches with a gap shorter than this are one (inter-pausal units); 0: none are.
        decimals: that times are rounded to; None: not at all.
    """
    found = []
    for track_T in np.asarray(frames_TC).astype(bool).T:
        edge = np.flatnonzero(np.diff(track_T.astype(np.int8), prepend=0, append=0))
        times = [(a / rate, b / rate) for a, b in edge.reshape(-1, 2).tolist()]
        if decimals is not None:
            times = [(round(a, decimals), round(b, decimals)) for a, b in times]
        found.append(joined(times, join_s))
    return found


def joined(stretches: Sequence[Stretch], gap_s: float) -> list[Stretch]:
    """Stretches as one where the next begins less than ``gap_s`` seconds after the end."""
    found: list[Stretch] = []
    for onset, offset in stretches:
        if found and onset - found[-1][1] < gap_s:
            found[-1] = (found[-1][0], max(offset, found[-1][1]))
        else:
            found.append((onset, offset))
    return found


def unit_ends(activity: Activity, *, pause_s: float = 0.2, least_s: float = 1.0) -> list[float]:
    """Where inter-pausal units of either channel end, in seconds and in order.

    Args:
        pause_s: pauses shorter than this are part of a unit.
        least_s: units shorter than this do not count.
    """
    units = [unit for side in activity for unit in joined(side, pause_s)]
    return sorted(offset for onset, offset in units if offset - onset >= least_s)


def cleaned(frames_TC: np.ndarray, *, rate: float, fill_s: float = 0.02, drop_s: float = 0.02) -> np.ndarray:
    """Predicted activity without flicker: short silences are filled first, then short bursts removed.

    Args:
        frames_TC: (T, C) of 0 and 1.
        fill_s, drop_s: longest silence and longest burst that go, in seconds; rounded to frames.
    """
    tidy_TC = np.array(frames_TC, copy=True)
    for track_T in tidy_TC.T:
        _flip_short(track_T, 0, round(fill_s * rate))
        _flip_short(track_T, 1, round(drop_s * rate))
    return tidy_TC


def _flip_short(track_T: np.ndarray, value: int, longest: int) -> None:
    """Runs of ``value`` of at most ``longest`` frames become the other value; silence at either end stays."""
    edge = np.flatnonzero(np.diff((track_T == value).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    for start, end in edge.tolist():
        inside = value == 1 or (start > 0 and end < len(track_T))
        if inside and end - start <= longest:
            track_T[start:end] = 1 - value


def read_activity(path: str | Path) -> Activity:
    """An activity list from a JSON file: the list itself, or an object that has it as ``activity`` or ``vad_list``.

    Raises:
        SonantError: no such file, no JSON, or no activity list; it says what is wrong.
    """
    raw = read_json(path)
    return checked_activity(activity_field(raw, path), f"'{path}'")


def read_json(path: str | Path) -> object:
    """The value in a JSON file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SonantError(f"cannot read the activity '{path}': {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SonantError(f"'{path}' is no JSON ({error}); {SHAPE}") from None


def activity_field(raw: object, path: str | Path) -> object:
    """The activity list in the value of a JSON file."""
    if not isinstance(raw, dict):
        return raw
    for key in ("activity", "vad_list"):
        if key in raw:
            return raw[key]
    raise SonantError(f"'{path}' has no 'activity' (keys: {', '.join(map(str, raw)) or 'none'}); {SHAPE}")


def checked_activity(raw: object, where: str) -> Activity:
    """An activity list as tuples, in order, overlapping stretches as one. SonantError names ``where`` for all else."""
    good = isinstance(raw, list) and all(isinstance(channel, list) for channel in raw)
    require(good, f"{where} is no activity list; {SHAPE}")
    require(len(raw) == 2, f"{where} has {len(raw)} channels; {SHAPE}. Give a silent partner the empty list []")
    return [_checked_channel(channel, f"{where}, channel {number}") for number, channel in enumerate(raw)]


def _checked_channel(raw: list, where: str) -> list[Stretch]:
    stretches = []
    for stretch in raw:
        pair = isinstance(stretch, list | tuple) and len(stretch) == 2
        numbers = pair and all(isinstance(t, int | float) and not isinstance(t, bool) for t in stretch)
        require(
            numbers and all(map(math.isfinite, stretch)) and 0 <= stretch[0] <= stretch[1],
            f"{where}: {json.dumps(stretch)[:60]} is no stretch [start, end] with 0 <= start <= end in seconds",
        )
        stretches.append((float(stretch[0]), float(stretch[1])))
    return joined(sorted(stretches), 0.0)


def write_activity(path: str | Path, activity: Activity) -> None:
    """Write an activity list as JSON, atomically."""
    write_text(path, json.dumps([[list(stretch) for stretch in channel] for channel in activity]) + "\n")
