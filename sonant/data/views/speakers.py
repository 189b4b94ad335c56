"""Batches of S speakers with U utterances each, speaker by speaker: for losses that compare speakers.

As in GE2E (Wan et al., 2018, arXiv:1710.10467, Sec. 2.1) and the prototypical losses of speaker verification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import derive_seed, require, samples_of
from ..pool import Pool
from ..shuffle import permute
from .base import View, random_start


@dataclass(frozen=True)
class Config:
    speakers: int = 16  # S, speakers in a global batch
    utterances: int = 4  # U, utterances of each
    seconds: float = 2.0  # s, length of the random crop of an utterance
    short: Literal["drop", "pad"] = "drop"  # utterances shorter than a crop


class Speakers(View):
    """Speaker-major batches: examples s * U to s * U + U - 1 are of the same speaker.

    An epoch has as many batches as the corpus fills; in it every speaker comes equally often (up to one). A speaker
    with fewer than U utterances gives several crops of the same.
    """

    def __init__(self, cfg: Config, pool: Pool):
        require(
            cfg.speakers > 0 and cfg.utterances > 0 and cfg.seconds > 0,
            "speaker batches need a positive number of speakers and utterances, and seconds",
        )
        self.cfg, self.pool = cfg, pool
        self.window = samples_of(cfg.seconds, pool.sample_rate)
        long_enough = pool.samples >= (self.window if cfg.short == "drop" else 1)
        usable = np.flatnonzero(long_enough & (pool.speaker >= 0))
        self.order = usable[np.argsort(pool.speaker[usable], kind="stable")]
        speaker = pool.speaker[self.order]
        self.first = np.flatnonzero(np.diff(speaker, prepend=-1))  # where each speaker's utterances begin
        self.count = np.diff(self.first, append=len(speaker))
        require(
            len(self.first) >= cfg.speakers,
            f"a batch of {cfg.speakers} speakers, but only {len(self.first)} have utterances of {cfg.seconds:g} s; "
            "lower the number of speakers or the crop, or prepare the corpus with speakers",
        )
        self.steps = max(len(self.order) // (cfg.speakers * cfg.utterances), 1)
        self.together = cfg.utterances

    def batch(self, index: int, key: int | None) -> np.ndarray:
        S, U = self.cfg.speakers, self.cfg.utterances
        round_, place = divmod(index, len(self.first) // S)  # in a round every speaker comes at most once
        positions = np.arange(place * S, place * S + S)
        chosen = positions if key is None else permute(positions, len(self.first), key, "speakers", round_)
        return np.concatenate([self._utterances(int(s), round_ * U + np.arange(U), key) for s in chosen])

    def _utterances(self, speaker: int, turns: np.ndarray, key: int | None) -> np.ndarray:
        """What a speaker says at its turns of an epoch: everything once before anything twice."""
        count = int(self.count[speaker])
        places = turns % count
        if key is not None:
            places = permute(places, count, derive_seed(key, "utterances", speaker))
        return self.order[int(self.first[speaker]) + places]

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        length = int(self.pool.samples[example])
        count = min(self.window, length)
        return self.pool.read(example, start=random_start(length, count, seed, "crop"), count=count)

    def size(self, examples: np.ndarray) -> int:
        return self.window
