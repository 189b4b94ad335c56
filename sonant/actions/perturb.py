"""What is done to phrases to learn what a model listens to (Ekstedt and Skantze 2022, arXiv:2209.05161, Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..core import require, unknown
from ..data.audio import read_audio
from ..data.augment.prosody import PERTURBATIONS, average_durations, mean_durations
from ..data.phrases import Phrase
from ..data.textgrid import Segment

Spoken = Iterator[tuple[Phrase, np.ndarray]]  # a phrase with its times, and (L,) samples
Perturbation = Callable[[Sequence[Phrase], int], Spoken]

DURATIONS = "average_durations"
NAMES = (*PERTURBATIONS, DURATIONS)


def perturbation(name: str) -> Perturbation:
    """(phrases, sample rate) -> the phrases changed, one at a time.

    ``flat_f0``, ``shift_f0``, ``low_pass`` and ``flat_intensity`` keep all times; with ``average_durations`` every
    phone is as long as it is on average in these phrases.

    Raises:
        SonantError: no such change.
    """
    if name not in NAMES:
        raise unknown("perturbation", name, NAMES)
    if name == DURATIONS:
        return _with_average_durations
    change = PERTURBATIONS[name]

    def changed(phrases: Sequence[Phrase], sample_rate: int) -> Spoken:
        for phrase, wave_L in unchanged(phrases, sample_rate):
            yield phrase, change(wave_L, sample_rate)

    return changed


def unchanged(phrases: Sequence[Phrase], sample_rate: int) -> Spoken:
    """The phrases as they are."""
    for phrase in phrases:
        yield phrase, read_audio(phrase.path, channel=0, sample_rate=sample_rate)[0]


def _with_average_durations(phrases: Sequence[Phrase], sample_rate: int) -> Spoken:
    lacking = [phrase.name for phrase in phrases if not phrase.phones]
    require(not lacking, f"{DURATIONS} needs phones: {lacking[:1]} has no tier 'phones' in its TextGrid")
    mean_s = mean_durations([phrase.phones for phrase in phrases])
    for phrase, wave_L in unchanged(phrases, sample_rate):
        made_L, phones = average_durations(wave_L, sample_rate, phones=phrase.phones, mean_s=mean_s)
        yield moved(phrase, phones), made_L


def moved(phrase: Phrase, phones: Sequence[Segment]) -> Phrase:
    """The phrase with its phones where they now are, and with them its words and its completion point."""
    old_s = [time for _, *times in phrase.phones for time in times]
    new_s = [time for _, *times in phones for time in times]

    def now(time: float) -> float:
        return float(np.interp(time, old_s, new_s))

    words = [(label, now(onset), now(offset)) for label, onset, offset in phrase.words]
    return replace(phrase, words=words, phones=list(phones), scp=now(phrase.scp))


def all_of(names: Iterable[str]) -> dict[str, Perturbation]:
    """The phrases as they are (``none``) and changed, by name."""
    return {"none": unchanged, **{name: perturbation(name) for name in names}}
