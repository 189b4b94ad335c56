"""The units of dialogues with who is active when, as arrays on disk (``data.dialogue_units``).

Letters: L samples, T frames, U streams of units, C = 2 speakers, D channels of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..core import Representation, SonantError, require
from ..data.activity import activity_frames
from ..data.dialogue_pool import DialoguePool
from ..data.dialogue_units import BESIDE, finer, last_of_each
from ..data.manifest import Manifest
from ..data.units import Units
from ..evaluation.encode import Item, encode_items
from ..objectives.projection import Window, class_of_bins, projection_bins

Channels = Literal["mix", "each"]
CHANNELS = ("mix", "each")


class Dialogues:
    """The units of dialogues, which are encoded in pieces.

    Args:
        channels: units of the mix of both channels, or of each.
        window: seconds that the model hears at a time, for models whose memory grows with the square of it; None: all.
        on_error: called with the id and the reason of a dialogue that is left out.

    Attributes:
        keys: ids of all dialogues.
        dim: columns of an array.
    """

    def __init__(
        self,
        units: Units,
        representation: Representation,
        data: str | Path,
        *,
        channels: Channels,
        window: float | None,
        batch_seconds: float,
        strict: bool,
        on_error: Callable[[str, SonantError], None],
    ):
        self.units, self.representation, self.channels = units, representation, channels
        self.batch_seconds, self.strict, self.on_error = batch_seconds, strict, on_error
        self.pool = DialoguePool(Manifest.open(data), sample_rate=representation.sample_rate)
        self.keys = [self.pool.id(number) for number in range(len(self.pool))]
        self.geometry, self.dim = units.geometry, BESIDE + (2 if channels == "each" else 1)
        require(window is None or window > 0, f"a window is a number of seconds above 0, got {window}")
        self.frames = None if window is None else max(round(window * self.geometry.rate), 1)

    def encoded(self, keys: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        """(id, (T, U + 3) int32) of those of ``keys`` that can be read."""
        wanted = set(keys)
        for group in self._groups([number for number, key in enumerate(self.keys) if key in wanted]):
            for number, unit_UT in self._encoded(group):
                yield self.keys[number], self.record(number, unit_UT)

    def record(self, number: int, unit_UT: list[np.ndarray]) -> np.ndarray:
        """(T, U + 3) int32 of a dialogue."""
        fine, step = finer(self.geometry.rate)
        seconds = self.pool.samples[number] / self.pool.sample_rate
        activity_TC = activity_frames(self.pool.activity_of(number), rate=fine, duration=float(seconds))
        window = Window(rate=fine)
        known_T = class_of_bins(projection_bins(torch.from_numpy(activity_TC), window)).numpy()
        class_T = np.full(len(activity_TC), -1, dtype=np.int64)
        class_T[: len(known_T)] = known_T
        beside = (last_of_each(activity_TC, step), last_of_each(class_T, step)[:, None])
        T = min(len(beside[0]), *(len(unit_T) for unit_T in unit_UT))
        silent = [np.full(T, -1)] * (self.dim - BESIDE - len(unit_UT))
        streams = [unit_T[:T] for unit_T in unit_UT] + silent
        return np.concatenate([np.stack(streams, axis=1), *(x[:T] for x in beside)], axis=1)

    def _groups(self, todo: list[int]) -> Iterator[list[int]]:
        """Dialogues that are encoded together."""
        group, seconds = [], 0.0
        for number in todo:
            own = float(self.pool.samples[number]) / self.pool.sample_rate
            if group and seconds + own > self.batch_seconds:
                yield group
                group, seconds = [], 0.0
            group, seconds = [*group, number], seconds + own
        if group:
            yield group

    def _encoded(self, group: list[int]) -> Iterator[tuple[int, list[np.ndarray]]]:
        """The units of each stream of each dialogue that can be read."""
        items = [item for number in group for item in self._items(number)]
        failed: set[int] = set()

        def complain(key: str, error: SonantError) -> None:
            number = int(key.split()[0])
            if number not in failed:
                self.on_error(self.keys[number], error)
            failed.add(number)

        options = {"layer": self.units.facts["layer"], "batch_seconds": self.batch_seconds, "strict": self.strict}
        found = {}
        for key, x_TD in encode_items(self.representation, items, on_error=complain, **options):
            if np.isfinite(x_TD).all():
                found[key] = self.units.of(x_TD)
            else:
                complain(key, SonantError("its frames hold numbers that are not finite"))
        for number in group:
            if number not in failed:
                streams: dict[str, list[np.ndarray]] = {}
                for item in items:
                    own, stream, _ = item.key.split()
                    if own == str(number):
                        streams.setdefault(stream, []).append(found[item.key])
                yield number, [np.concatenate(pieces) for pieces in streams.values()]

    def _items(self, number: int) -> Iterator[Item]:
        """The pieces of each stream of a dialogue, in order; their keys are dialogue, stream and piece."""
        rate, samples = self.pool.sample_rate, int(self.pool.samples[number])
        alone = self._alone(number)
        for stream in (0, 1) if self.channels == "each" and not alone else (0,):
            for piece, (start, count) in enumerate(self._pieces(samples)):

                def read(start=start, count=count, stream=stream) -> np.ndarray:
                    wave_CL = self.pool.read(number, start=start, count=count)
                    return wave_CL[stream] if alone or self.channels == "each" else wave_CL.mean(0)

                yield Item(f"{number} {stream} {piece}", count / rate, read)

    def _alone(self, number: int) -> bool:
        try:
            return self.pool.is_monologue(number)
        except SonantError:  # reading it tells why
            return False

    def _pieces(self, samples: int) -> list[tuple[int, int]]:
        """(first sample, samples): pieces whose frames side by side are as many as those of the whole."""
        whole = self.geometry.frames(samples)
        if self.frames is None or whole <= self.frames:
            return [(0, samples)]
        hop, size = self.geometry.hop, self.geometry.samples(self.frames)
        starts = range(0, whole - whole % self.frames, self.frames)
        pieces = [(first * hop, size) for first in starts]
        if whole % self.frames:
            first = starts[-1] + self.frames
            pieces.append((first * hop, samples - first * hop))
        return pieces
