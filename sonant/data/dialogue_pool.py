"""Dialogues to train on: both channels of each, and who is active when.

Of a recording of one person (one channel) the partner is silent: a second channel of zeros without activity.
Letters: C = 2 channels, L samples, T frames.
"""

from __future__ import annotations

import numpy as np

from ..core import require, samples_of, seconds_of
from .activity import Activity, activity_frames, joined
from .audio import audio_info
from .manifest import Manifest, Utterance
from .pool import Pool

WORD_GAP_S = 0.05  # words closer than this are one stretch of activity, as in dialogue_timings


class DialoguePool(Pool):
    """A selection of dialogues (or monologues) of a manifest at one sampling rate; arguments as ``Pool``.

    Voice activity is the manifest's; a monologue may have the times of its words instead.

    Raises SonantError for utterances without either, or with activity for more than two channels.
    """

    channels = 2

    def __init__(self, manifest: Manifest, **options):
        super().__init__(manifest, **options)
        wanted = set(self.index.tolist())
        told = {i: activity_of(u) for i, u in enumerate(manifest) if i in wanted}
        self.activity = [told[i] for i in self.index.tolist()]
        self._alone: dict[int, bool] = {}  # of recordings whose manifest names no channel

    def activity_of(self, number: int) -> Activity:
        """Stretches of voice in seconds from the dialogue's beginning, for each of its two channels."""
        return self.activity[number]

    def is_monologue(self, number: int) -> bool:
        """Whether the recording has one channel, so that its partner and the silence of that partner are made up."""
        if self.activity[number][1]:
            return False
        if int(self.manifest.table.channel[int(self.index[number])]) >= 0:
            return True
        if number not in self._alone:
            self._alone[number] = audio_info(self.path(number)).channels == 1
        return self._alone[number]

    def frames_of(self, number: int, rate: float) -> np.ndarray:
        """(T, 2) uint8 activity of a whole dialogue at ``rate`` frames per second."""
        return activity_frames(
            self.activity[number], rate=rate, duration=seconds_of(int(self.samples[number]), self.sample_rate)
        )

    def read(self, number: int, *, start: int = 0, count: int | None = None) -> np.ndarray:
        """(2, count) float32 samples of a dialogue from sample ``start``; errors as ``Pool.read``."""
        count = int(self.samples[number]) - start if count is None else count
        wave = super().read(number, start=2 * start, count=2 * count) if self.cache else None
        if wave is not None:
            return np.ascontiguousarray(wave.reshape(-1, 2).T)
        return self._channels(number, start, count)

    def _decode(self, number: int, start: int, count: int) -> np.ndarray:
        """Both channels, sample by sample in turn, as the cache keeps them."""
        return self._channels(number, start // 2, count // 2).T.reshape(-1)

    def _channels(self, number: int, start: int, count: int) -> np.ndarray:
        wave = self._window(number, start, count)
        if wave.ndim == 1:
            require(
                not self.activity[number][1],
                f"'{self.path(number)}' is one channel, and dialogue '{self.id(number)}' has the activity of two "
                "speakers: give recordings with a channel for each",
            )
            return np.stack([wave, np.zeros_like(wave)])
        require(
            len(wave) == 2,
            f"'{self.path(number)}' has {len(wave)} channels; dialogues have two, and monologues name one in the "
            "manifest",
        )
        return wave


def activity_of(u: Utterance) -> Activity:
    """Activity of both channels of an utterance; of one person by the words, and a silent partner.

    Raises SonantError where an utterance tells neither, or has more than two channels.
    """
    if u.activity is None:
        require(
            u.words is not None and u.channel is not None,
            f"'{u.id}' tells no voice activity: dialogues need it for each channel (as sonant prepare synth "
            "--dialogues writes it), recordings of one person that or the times of their words",
        )
        return [joined(sorted((on, off) for label, on, off in u.words if label), WORD_GAP_S), []]
    require(len(u.activity) <= 2, f"'{u.id}' has the activity of {len(u.activity)} channels; dialogues have two")
    sides = [[tuple(stretch) for stretch in side] for side in u.activity]
    return [*sides, *[[] for _ in range(2 - len(sides))]]


def without_crosstalk(wave_CL: np.ndarray, activity: Activity, *, start: int, rate: int, gain: float) -> np.ndarray:
    """The waveform with each channel at ``gain`` where that channel is not active.

    Args:
        wave_CL: (2, L) samples ``start`` to ``start + L`` of the dialogue.
        activity: stretches in seconds from the dialogue's beginning.
        rate: samples per second.
    """
    loud_CL = np.full(wave_CL.shape, gain, dtype=np.float32)
    for row_L, side in zip(loud_CL, activity, strict=True):
        for onset, offset in side:
            row_L[max(samples_of(onset, rate) - start, 0) : max(samples_of(offset, rate) - start, 0)] = 1.0
    return wave_CL * loud_CL
