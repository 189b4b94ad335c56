"""What all readers give."""

from __future__ import annotations

from dataclasses import dataclass

from ..activity import Activity, duration_of


@dataclass(frozen=True)
class Dialogue:
    """A dialogue of two channels.

    Attributes:
        session: its name.
        duration: in seconds; where a format does not tell it, the end of the last speech.
        activity: stretches of speech (onset, offset) in seconds for each of the two channels, in order.
    """

    session: str
    duration: float
    activity: Activity


def dialogue_of(session: str, activity: Activity, duration: float | None = None) -> Dialogue:
    """A dialogue, with a silent partner where one channel is given. Its duration is at least its last offset."""
    activity = [*activity, []] if len(activity) == 1 else activity
    return Dialogue(session, max(duration_of(activity), duration or 0.0), activity)
