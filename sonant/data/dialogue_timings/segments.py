"""Windows of dialogues in a table, as the stereo models of voice activity projection are trained from.

    audio_path,start,end,vad_list,session,dataset
    calls/sw2001.wav,0.0,20.0,"[[[0.5, 1.2]], [[1.4, 21.7]]]",2001,switchboard

``vad_list`` counts from ``start`` and goes on for two seconds after ``end``. Windows of one recording that overlap,
these two seconds included, are read as one stretch of it, so that other windows can be cut from it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ...core import SonantError, require
from ...core.files import write_text
from ..activity import Activity, checked_activity, joined
from ..keys import make_key
from ..manifest import Manifest, Utterance

COLUMNS = ("audio_path", "start", "end", "vad_list", "session", "dataset")
HORIZON_S = 2.0
TOUCH_S = 0.001
MOST = 10_000_000  # characters of a field


class Stretch(NamedTuple):
    """What the windows of one recording tell together."""

    session: str
    audio_path: str
    dataset: str
    start: float  # s, in the recording
    end: float  # s, with the horizon of the last window
    activity: Activity  # from ``start``


def is_segments(path: Path) -> bool:
    """Whether a file begins with the columns of such a table."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return set(COLUMNS[:4]) <= set(stream.readline().strip().split(","))
    except OSError:
        return False


def read_segments(path: str | Path) -> list[Stretch]:
    """The stretches of the recordings of a table, in the order of sessions and times.

    Raises:
        SonantError: a missing column, or a row that is none; it says which.
    """
    rows = sorted(_rows(Path(path)), key=lambda row: (row.session, row.audio_path, row.start))
    require(rows, f"'{path}' holds no segments")
    found: list[Stretch] = []
    for _, own in groupby(rows, key=lambda row: (row.session, row.audio_path)):
        found += _merged(list(own))
    return found


def _merged(rows: list[Stretch]) -> list[Stretch]:
    runs: list[list[Stretch]] = []
    for row in rows:
        if runs and row.start <= max(one.end for one in runs[-1]) + TOUCH_S:
            runs[-1].append(row)
        else:
            runs.append([row])
    return [_one(run) for run in runs]


def _one(run: list[Stretch]) -> Stretch:
    """Rows that belong together; speech that a window's edge cut in two is one stretch."""
    start, sides = run[0].start, []
    for channel in range(2):
        times = [(row.start + on - start, row.start + off - start) for row in run for on, off in row.activity[channel]]
        sides.append(joined(sorted((round(on, 3), round(off, 3)) for on, off in times), TOUCH_S))
    return run[0]._replace(end=max(row.end for row in run), activity=sides)


def names_of_stretches(stretches: list[Stretch]) -> list[str]:
    """The session of each where it has one stretch, otherwise ``<session>_<start>-<end>`` in frames at 100 Hz."""
    count = Counter(one.session for one in stretches)
    return [
        one.session if count[one.session] == 1 else make_key(None, one.session, one.start, one.end) for one in stretches
    ]


def _rows(path: Path) -> Iterable[Stretch]:
    csv.field_size_limit(MOST)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SonantError(f"cannot read the segments '{path}': {error}") from None
    table = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS[:4] if name not in (table.fieldnames or ())]
    require(not missing, f"'{path}' has no column {missing[:1]}; expected {','.join(COLUMNS)}")
    for number, row in enumerate(table, start=2):
        yield _row(row, f"'{path}' line {number}")


def _row(row: dict[str, str], where: str) -> Stretch:
    try:
        start, end = round(float(row["start"]), 3), round(float(row["end"]), 3)
        activity = checked_activity(json.loads(row["vad_list"]), where)
    except (TypeError, ValueError, RecursionError) as error:  # a SonantError is a ValueError
        raise SonantError(f"{where} is no segment: {error}") from None
    require(0 <= start < end < math.inf, f"{where}: a segment from {row['start']} to {row['end']} s")
    session = row.get("session") or Path(row["audio_path"]).stem
    return Stretch(session, row["audio_path"], row.get("dataset") or "", start, end + HORIZON_S, activity)


def write_segments(
    manifest: Manifest, path: str | Path, *, seconds: float = 20.0, overlap: float = 1.0, horizon: float = HORIZON_S
) -> int:
    """Write the windows of all dialogues of a manifest as such a table, atomically; how many there are.

    Args:
        seconds, overlap: of windows; they begin every ``seconds - overlap``, and the last ends inside.
        horizon: seconds after a window that its activity tells.

    Raises:
        SonantError: no dialogue with the activity of two channels is as long as a window.
    """
    require(0 <= overlap < seconds, f"windows of {seconds:g} s cannot overlap by {overlap:g} s")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for u in manifest:
        for row in _windows(u, seconds=seconds, step=seconds - overlap, horizon=horizon):
            writer.writerow([*row, manifest.summary.get("name", manifest.folder.name)])
            count += 1
    require(count, f"'{manifest.folder}' has no dialogue of {seconds:g} s with the voice activity of two channels")
    write_text(path, stream.getvalue())
    return count


def _windows(u: Utterance, *, seconds: float, step: float, horizon: float) -> Iterable[tuple]:
    if u.activity is None or len(u.activity) != 2:
        return
    for number in range(int((u.duration - seconds) / step + 1 + 1e-9)):
        begin = number * step
        end = min(begin + seconds + horizon, u.duration)
        told = [[[max(on, begin) - begin, min(off, end) - begin] for on, off in side] for side in u.activity]
        sides = [[[round(on, 3), round(off, 3)] for on, off in side if off > on] for side in told]
        start = round(u.start + begin, 3)
        yield Path(u.path).resolve().as_posix(), start, round(start + seconds, 3), json.dumps(sides), u.id
