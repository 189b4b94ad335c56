"""The voice activity of all channels of a recording, by a detector that is named."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ...core import unknown
from ..activity import Activity
from ..audio import read_audio
from ..manifest import Utterance
from . import energy, silero

Detector = Literal["energy", "silero"]


def detect(wave: np.ndarray, sample_rate: int, *, vad: Detector) -> Activity:
    """Stretches of voice (onset, offset) in seconds for every channel of (C, L), or for the one of (L,).

    Args:
        vad: ``energy``, built in; ``silero``, with the extra ``vad``. Both with their default settings.

    Raises:
        SonantError: an unknown detector; MissingExtra: the extra is not installed.
    """
    found = {"energy": energy.detect, "silero": silero.detect}.get(vad)
    if found is None:
        raise unknown("detector of voice activity", vad, get_args(Detector))
    return [found(wave_L, sample_rate) for wave_L in np.atleast_2d(wave)]


def activity_of(u: Utterance, *, vad: Detector) -> Activity:
    """As ``detect``, of the audio of an utterance; errors as ``read_audio`` and ``detect``."""
    wave, rate = read_audio(u.path, start_s=u.start, duration_s=u.duration or None, channel=u.channel)
    return detect(wave, rate, vad=vad)
