"""Windows of dialogues with the voice activity of both speakers, and what they do in the seconds after.

Ekstedt and Skantze 2022 (arXiv:2205.09812), Sec. 4: windows of 10 s; the stereo models of 2023 have 20 s. Windows lie
on the grid of the activity's frames. For validation they begin every ``seconds - overlap``; while training there are as
many of them, each anywhere in its share of the dialogue, drawn anew in every epoch. The first models of 2022 had
windows at inter-pausal units instead: an utterance of a second or more ends 8 s after the beginning of each.

Letters: C = 2 channels, L samples, T frames of a window, H frames after it, P frames before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import derive_seed, numpy_generator, require, samples_of, seconds_of
from ..activity import frame_of, unit_ends
from ..augment.spectral import normalise_peak
from ..dialogue_pool import DialoguePool, without_crosstalk
from .base import View, cut_batch


@dataclass(frozen=True)
class Config:
    seconds: float = 20.0  # s, length of a window
    overlap: float = 1.0  # s, of windows next to each other
    horizon: float = 2.0  # s, of activity beyond a window
    rate: float = 50.0  # Hz, frames of activity per second: those of the model
    batch_size: int = 8  # windows in a global batch
    windows: Literal["slide", "units"] = "slide"  # units: an inter-pausal unit ends ``unit_end`` into each
    unit_end: float = 8.0  # s (units)
    end_share: float | None = None  # a dialogue whose last window leaves at least this share of a step has one more, at
    # its end; None: it has not (slide). The first models had 0.4
    short: Literal["drop", "pad"] = "drop"  # dialogues shorter than a window
    peak: bool = False  # each channel has a greatest sample of 1 where that was above 0.05, and so has their mean
    flip: float = 0.5  # probability that the speakers are exchanged (training)
    mask_silent: float = 0.0  # probability that each channel is turned down where it is not active (training)
    mask_gain: float = 0.1  # by this factor; 0: zeros
    mix: bool = False  # both channels as one, their mean: for models of one channel
    past: bool = False  # also the activity from the dialogue's beginning to the window, for its history
    drop_last: bool = True  # leave out the incomplete batch at the end where there are complete ones

    def __post_init__(self):
        require(
            self.seconds > 0 and self.rate > 0 and self.batch_size > 0 and self.horizon >= 0,
            "dialogues need a positive window in seconds, activity rate and batch size, and a horizon of 0 s or more",
        )
        require(
            0 <= self.overlap < self.seconds,
            f"windows of {self.seconds:g} s cannot overlap by {self.overlap:g} s; lower data.overlap_seconds",
        )
        require(
            self.windows == "slide" or 0 < self.unit_end <= self.seconds,
            f"units cannot end {self.unit_end:g} s into windows of {self.seconds:g} s; lower data.unit_end",
        )
        require(
            self.end_share is None or 0 < self.end_share <= 1,
            f"data.end_share is a part of a step above 0 and at most 1, got {self.end_share}",
        )
        for name in ("flip", "mask_silent", "mask_gain"):
            require(0 <= getattr(self, name) <= 1, f"{name} of dialogues must be in [0, 1], got {getattr(self, name)}")


class Dialogues(View):
    """Windows of both channels, (2, L), or of their mean, (L,)."""

    def __init__(self, cfg: Config, pool: DialoguePool):
        self.cfg, self.pool, self.multichannel = cfg, pool, not cfg.mix
        self.hop = samples_of(1 / cfg.rate, pool.sample_rate)
        require(
            self.hop * cfg.rate == pool.sample_rate,
            f"activity at {cfg.rate:g} Hz does not divide audio at {pool.sample_rate} Hz; take another "
            "data.activity_rate",
        )
        self.frames = max(round(cfg.seconds * cfg.rate), 1)  # T
        self.window = self.frames * self.hop
        self.horizon = round(cfg.horizon * cfg.rate)
        step = max(self.frames - round(cfg.overlap * cfg.rate), 1) * self.hop
        self.step = step
        self.starts = self._at_units() if cfg.windows == "units" else None  # frames, of each dialogue
        self.counts = self._sliding() if self.starts is None else np.array([len(own) for own in self.starts])
        longest = seconds_of(int(pool.samples.max()), pool.sample_rate)
        require(
            self.counts.any(),
            f"no dialogue is as long as a window of {cfg.seconds:g} s, the longest lasts {longest:.2f} s; lower "
            "data.chunk_seconds or set data.short to pad"
            if self.starts is None
            else f"in no dialogue a unit of 1 s and more ends at least {cfg.unit_end:g} s after the beginning and "
            f"{cfg.seconds - cfg.unit_end:g} s before the end; take data.windows slide",
        )
        self.past = frame_of(longest, cfg.rate)  # P
        self.end = np.cumsum(self.counts)
        batches = len(self) // cfg.batch_size if cfg.drop_last else -(-len(self) // cfg.batch_size)
        self.steps = max(batches, 1)

    def _sliding(self) -> np.ndarray:
        """How many windows each dialogue has."""
        samples, share = self.pool.samples, self.cfg.end_share
        counts = np.where(samples >= self.window, (samples - self.window) // self.step + 1, 0)
        if share is not None:
            left = (samples - self.window) % self.step
            counts += (counts > 0) & (left >= share * self.step)
        return np.maximum(counts, 1) if self.cfg.short == "pad" else counts

    def _at_units(self) -> list[np.ndarray]:
        """With which frames windows begin in each dialogue."""
        found, before = [], round(self.cfg.unit_end * self.cfg.rate)
        for number, samples in enumerate(self.pool.samples.tolist()):
            ends = unit_ends(self.pool.activity_of(number))
            begin_N = np.unique([frame_of(end, self.cfg.rate) - before for end in ends] or [-1])
            last = samples // self.hop - self.frames
            found.append(begin_N[(begin_N >= 0) & (begin_N <= last)])
        return found

    def __len__(self) -> int:
        """Windows in the pool."""
        return int(self.end[-1])

    def batch(self, index: int, key: int | None) -> np.ndarray:
        return cut_batch(len(self), size=self.cfg.batch_size, index=index, key=key)

    def utterance_of(self, example: int) -> int:
        return int(np.searchsorted(self.end, example, side="right"))

    def place(self, example: int, key: int | None) -> tuple[int, int]:
        """The dialogue of a window, and the frame with which it begins."""
        number = self.utterance_of(example)
        count, samples = int(self.counts[number]), int(self.pool.samples[number])
        tile = example - int(self.end[number]) + count
        if self.starts is not None:
            return number, int(self.starts[number][tile])
        if key is None:
            return number, min(tile * self.step, max(samples - self.window, 0)) // self.hop
        free = max(samples - self.window, 0) // self.hop + 1  # frames with which a window may begin
        first, last = tile * free // count, (tile + 1) * free // count
        return number, first + derive_seed(key, "window", number, tile) % max(last - first, 1)

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        cfg, pool = self.cfg, self.pool
        number, frame = self.place(example, key)
        start = frame * self.hop
        wave_CL = pool.read(number, start=start, count=min(self.window, int(pool.samples[number]) - start))
        if key is not None and self._drawn(seed, "mask silent") < cfg.mask_silent:
            told = {"start": start, "rate": pool.sample_rate, "gain": cfg.mask_gain}
            wave_CL = without_crosstalk(wave_CL, pool.activity_of(number), **told)
        wave_CL = normalise_peak(wave_CL) if cfg.peak else wave_CL
        if cfg.mix:
            return normalise_peak(wave_CL.mean(0)) if cfg.peak else wave_CL.mean(0)
        return np.ascontiguousarray(wave_CL[::-1]) if self._flipped(key, seed) else wave_CL

    def labels(self, example: int, *, key: int | None, seed: int) -> dict[str, np.ndarray]:
        """``activity_BTC`` (T + H, 2), silence beyond the dialogue; ``known_B``, for how many frames of that it is
        known; ``heard_BC`` (2,), false for the partner of a monologue, who is made up; with ``past`` ``past_BTC``
        (P, 2), all that was before, with silence before the dialogue."""
        number, frame = self.place(example, key)
        whole_TC = self.pool.frames_of(number, self.cfg.rate)
        whole_TC = whole_TC[:, ::-1] if self._flipped(key, seed) else whole_TC
        size = self.frames + self.horizon
        seen_TC = whole_TC[frame : frame + size]
        activity_TC = np.zeros((size, 2), dtype=np.uint8)
        activity_TC[: len(seen_TC)] = seen_TC
        heard_C = np.array([True, not self.pool.is_monologue(number)])
        heard_C = heard_C[::-1].copy() if self._flipped(key, seed) else heard_C
        found = {"activity_BTC": activity_TC, "known_B": np.array(len(seen_TC)), "heard_BC": heard_C}
        if self.cfg.past:
            found["past_BTC"] = np.zeros((self.past, 2), dtype=np.uint8)
            found["past_BTC"][self.past - frame :] = whole_TC[:frame]
        return found

    def size(self, examples: np.ndarray) -> int:
        return self.window

    def _flipped(self, key: int | None, seed: int) -> bool:
        return key is not None and self._drawn(seed, "flip") < self.cfg.flip

    def _drawn(self, seed: int, purpose: str) -> float:
        return float(numpy_generator(seed, purpose).random())
