"""The turn-taking events of dialogues and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import require, unknown
from ..data.activity import activity_frames
from ..data.dialogue_timings.dialogue import Dialogue
from ..data.dialogue_timings.sources import read_dialogues
from ..evaluation.turn_taking.balancing import Balancer2022, Balancer2023
from ..evaluation.turn_taking.corpus_statistics import CorpusStatistics
from ..evaluation.turn_taking.events_2022 import Events2022, events_2022
from ..evaluation.turn_taking.events_2023 import Events2023, events_2023
from ..evaluation.turn_taking.regions import Events
from ..objectives.projection import Window

EventSet = Literal["2023", "2022"]
Settings = Events2023 | Events2022


def settings_of(event_set: EventSet, **changed: float | None) -> Settings:
    """The settings of an event set for whole dialogues, with those that are given changed (seconds).

    Raises:
        SonantError: a setting that the set does not have.
    """
    settings = Events2022() if event_set == "2022" else Events2023(max_time=None)
    known = settings.__dataclass_fields__
    for name in changed:
        if name not in known:
            raise unknown(f"setting of the events of {event_set}", name, known)
    return replace(settings, **changed)


def dialogue_events(
    places: Iterable[str | Path],
    *,
    rate: float,
    event_set: EventSet = "2023",
    duration: float | None = None,
    draw: bool = False,
    seed: int = 0,
    settings: Settings | None = None,
    window: Window | None = None,
) -> tuple[dict[str, Events], CorpusStatistics]:
    """The events of all dialogues in files and folders (``data.dialogue_timings.sources``).

    Args:
        rate: frames per second.
        duration: of each dialogue in seconds; None: what its file tells, or the end of the last speech.
        draw: also what is drawn by chance: negatives, and as many holds as shifts.
        window: whose classes are counted; its rate is ``rate``.

    Returns:
        Events by session, and what they add up to.

    Raises:
        SonantError: two dialogues of one name, or a file that cannot be read.
    """
    require(rate > 0, f"a frame rate is positive, got {rate}")
    settings = settings or settings_of(event_set)
    maker = EventMaker(event_set, rate, settings, seed if draw else None)
    statistics = CorpusStatistics(replace(window, rate=rate) if window else Window(rate=rate))
    found: dict[str, Events] = {}
    for dialogue in _all(places):
        require(dialogue.session not in found, f"two dialogues are called '{dialogue.session}'; rename one of them")
        length = dialogue.duration if duration is None else duration
        activity_TC = activity_frames(dialogue.activity, rate=rate, duration=length)
        found[dialogue.session] = events = maker(activity_TC)
        statistics.add(activity_TC, events)
    return found, statistics


def _all(places: Iterable[str | Path]) -> Iterator[Dialogue]:
    for place in places:
        yield from read_dialogues(place)


class EventMaker:
    """Events of one dialogue after the other.

    Args:
        seed: of what is drawn by chance; None: nothing is.
        all_holds: of what is drawn, leave the holds as many as they are (2023).
    """

    def __init__(
        self, event_set: EventSet, rate: float, settings: Settings, seed: int | None, *, all_holds: bool = False
    ):
        self.old, self.rate, self.settings = event_set == "2022", rate, settings
        options = {"rate": rate, "settings": settings, "seed": seed}
        self.balance = None
        if seed is not None:
            self.balance = (
                Balancer2022(**options) if self.old else Balancer2023(**options, equal_hold_shift=not all_holds)
            )

    def __call__(self, activity_TC: np.ndarray) -> Events:
        if not self.old:
            events = events_2023(activity_TC, rate=self.rate, settings=self.settings)
            return self.balance(events) if self.balance else events
        events = events_2022(activity_TC, rate=self.rate, settings=self.settings)
        return self.balance(events, activity_TC) if self.balance else events
