"""What the page of a phrase test draws, from what a model said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core import require, samples_of
from ..evaluation.turn_taking.phrases import aligned
from ..reports import Result
from ..reports.phrase_drawings import PLACES, Curve, PhraseCurves
from ..reports.phrases import Course, phrase_page
from .phrases import SIGNALS, UNCHANGED, Heard, paired

BEFORE_S, AFTER_S = 1.0, 1.0  # of the mean courses, around the short completion point


def draw_phrases(
    out: str | Path, lines: Sequence[Result], heard: Mapping[str, Sequence[Heard]], *, show: Sequence[str] = ()
) -> Path:
    """Write the page of a phrase test.

    Args:
        lines, heard: what ``sonant.actions.phrases.phrase_test`` gave.
        show: voices whose phrases are drawn one by one; none: the first by name.

    Raises:
        SonantError: no phrases of such a voice.
    """
    plain = heard[UNCHANGED]
    courses = [_course(plain, signal, UNCHANGED) for signal in plain[0].shift]
    pairs = paired(plain)
    voices = sorted({short.phrase.voice for short, _ in pairs})
    unknown = [voice for voice in show if voice not in voices]
    require(not unknown, f"no pair of phrases is of the voice '{', '.join(unknown)}'; voices: {', '.join(voices)}")
    chosen = list(show) or voices[:1]
    drawn = [(_curves(short), _curves(long)) for short, long in pairs if short.phrase.voice in chosen]
    return phrase_page(out, lines, courses, drawn)


def _course(heard: Sequence[Heard], signal: str, change: str) -> Course:
    rate = heard[0].rate
    before, after = samples_of(BEFORE_S, rate), samples_of(AFTER_S, rate)
    curves = []
    for name, is_long in (("short@SCP", False), ("long@SCP", True)):
        own = [one for one in heard if one.phrase.long == is_long]
        if own:
            frames = [samples_of(one.phrase.scp, rate) for one in own]
            course_T2 = aligned([one.shift[signal] for one in own], frames, before=before, after=after)
            curves.append(Curve(name, PLACES[name], course_T2))
    return Course(signal, change, curves, before, rate)


def _curves(one: Heard) -> PhraseCurves:
    phrase = one.phrase
    points = {"SCP": phrase.scp, "EOT": phrase.eot} if phrase.long else {"SCP = EOT": phrase.scp}
    curves = {signal: one.shift[signal] for signal in SIGNALS if signal in one.shift}
    return PhraseCurves(phrase.name, phrase.words, points, one.wave_L, one.sample_rate, curves, one.rate)
