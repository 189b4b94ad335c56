"""RTTM: one line for each stretch of speech of a speaker (NIST, Rich Transcription 2009 evaluation plan, appendix A).

SPEAKER session 1 onset duration <NA> <NA> speaker <NA> <NA>
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ...core import require
from ...core.files import read_lines
from ..activity import Stretch, joined
from .dialogue import Dialogue, dialogue_of


def read_rttm(path: str | Path) -> Iterator[Dialogue]:
    """The dialogues of an RTTM file, in its order; lines other than SPEAKER are left out.

    Channel 0 is the speaker of the lower channel number, of equal ones the speaker who begins. The format does not
    tell durations.

    Raises:
        SonantError: a line that is none, a file without speech, or a session of more than two speakers.
    """
    sessions: dict[str, dict[tuple[str, str], list[Stretch]]] = {}
    for number, line in enumerate(read_lines(path, "the RTTM file"), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        stretch = _stretch(fields)
        require(stretch, f"'{path}' line {number} does not read 'SPEAKER session channel onset duration ...': '{line}'")
        speakers = sessions.setdefault(fields[1], {})
        speakers.setdefault((fields[2], fields[7] if len(fields) > 7 else ""), []).append(stretch)
    require(sessions, f"'{path}' has no line 'SPEAKER session channel onset duration ...'")
    for session, speakers in sessions.items():
        names = ", ".join(name for _, name in speakers)
        require(
            len(speakers) <= 2,
            f"'{path}': session '{session}' has {len(speakers)} speakers ({names[:80]}); dialogues have two",
        )
        order = sorted(speakers, key=lambda who: (who[0], min(speakers[who])))
        yield dialogue_of(session, [joined(sorted(speakers[who]), 0.0) for who in order])


def _stretch(fields: list[str]) -> Stretch | None:
    try:
        onset, length = float(fields[3]), float(fields[4])
    except (IndexError, ValueError):
        return None
    good = math.isfinite(onset) and math.isfinite(length) and onset >= 0 and length >= 0
    return (onset, onset + length) if good else None
