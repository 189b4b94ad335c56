"""Which tokens meet in which ABX cell, and in which blocks their distances are computed.

A group is what can meet at all: tokens of one context or of all, and of one speaker in the within-speaker task.
Its tokens are sorted by speaker and phone; a segment is a run of equal speaker and phone. Rows of a block play
X, columns play A and B. A cell is a segment of rows (X) with two segments of columns, of the same phone (A) and
of another (B), both of one speaker.

Letters: N tokens, R rows, S segments of rows, T segments of columns, V speakers of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..core import derive_seed
from ..nn.dtw import Block

SMALL = 512  # tokens of a group whose distances are computed in one go
BAND = 1024  # tokens of the speakers that are treated together in larger groups
LARGEST = 2**25  # distances held at once, 128 MB

Speaker = Literal["within", "across"]


@dataclass(frozen=True)
class Tokens:
    """Labels of the tokens as numbers, and the names behind them; all contexts are 0 in the any-context task."""

    phone_N: np.ndarray
    speaker_N: np.ndarray
    context_N: np.ndarray
    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    contexts: tuple[str, ...]
    names: tuple[str, ...]  # what a token is, for draws that do not depend on the order of the items

    def __len__(self) -> int:
        return len(self.phone_N)


@dataclass(frozen=True)
class Job:
    """Distances to compute and the directions in which they are counted."""

    block: Block

    def directions(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(X tokens, A and B tokens), once for each output of the block."""
        rows, columns = self.block.rows_R, self.block.columns_C
        if columns is None:
            return [(rows, rows)]
        return [(rows, columns), (columns, rows)] if self.block.both else [(rows, columns)]


def draw(tokens: Tokens, *, size: int, seed: int) -> np.ndarray:
    """Indices of at most ``size`` tokens of each (context, speaker, phone), a function of the tokens and the seed."""
    keys = np.stack([tokens.context_N, tokens.speaker_N, tokens.phone_N])
    _, group_N, count = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    group_N = group_N.reshape(-1)
    large = np.flatnonzero(count[group_N] > size)
    rank_N = np.zeros(len(tokens), np.int64)
    rank_N[large] = [derive_seed(seed, "abx token", tokens.names[i]) for i in large]
    order = np.lexsort((rank_N, group_N))
    place = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    return np.sort(order[place < size])


class SpeakerDraw:
    """At most ``size`` X speakers for each (context, A speaker, phone), a function of their names and the seed."""

    def __init__(self, tokens: Tokens, *, size: int, seed: int):
        self.tokens, self.size, self.seed = tokens, size, seed
        keys = np.unique(np.stack([tokens.context_N, tokens.phone_N, tokens.speaker_N]), axis=1).T
        self._speakers: dict[tuple[int, int], list[int]] = {}
        for context, phone, speaker in keys.tolist():
            self._speakers.setdefault((context, phone), []).append(speaker)
        self._chosen: dict[tuple[int, int, int], frozenset[int]] = {}

    def chosen(self, context: int, phone: int, speaker: int) -> frozenset[int]:
        """X speakers for tokens A of a phone and speaker."""
        key = (context, phone, speaker)
        if key not in self._chosen:
            others = [x for x in self._speakers[context, phone] if x != speaker]
            names, labels = self.tokens.speakers, (self.tokens.contexts[context], self.tokens.phones[phone])
            others.sort(key=lambda x: derive_seed(self.seed, "abx speaker", *labels, names[speaker], names[x]))
            self._chosen[key] = frozenset(others[: self.size])
        return self._chosen[key]


def plan(tokens: Tokens, used_N: np.ndarray, speaker: Speaker, drawn: SpeakerDraw | None) -> Iterator[Job]:
    """Blocks of the tokens ``used_N`` that cover every cell exactly once."""
    keys = [labels_N[used_N] for labels_N in (tokens.phone_N, tokens.speaker_N, tokens.context_N)]
    order = used_N[np.lexsort(keys)]  # by context, speaker, phone
    key_N = tokens.context_N[order]
    if speaker == "within":
        key_N = key_N * len(tokens.speakers) + tokens.speaker_N[order]
    for group in np.split(order, np.flatnonzero(np.diff(key_N)) + 1):
        if not _has_cell(tokens, group, speaker):
            continue
        if len(group) <= SMALL or (speaker == "within" and len(group) ** 2 <= LARGEST):
            yield Job(Block(group))
        elif speaker == "within":
            yield from _rows_in_parts(tokens, group, group)
        elif drawn is None:
            yield from _bands(tokens, group)
        else:
            yield from _drawn_pairs(tokens, group, drawn)


def _has_cell(tokens: Tokens, group: np.ndarray, speaker: Speaker) -> bool:
    """Quick necessary conditions: three tokens, two phones, one phone twice, and the speakers that it takes."""
    phones, speakers = tokens.phone_N[group], tokens.speaker_N[group]
    if len(group) < 3 or not 1 < len(np.unique(phones)) < len(phones):
        return False
    return speaker == "within" or bool((speakers != speakers[0]).any())


def _by_speaker(tokens: Tokens, group: np.ndarray) -> list[np.ndarray]:
    return np.split(group, np.flatnonzero(np.diff(tokens.speaker_N[group])) + 1)


def _bands(tokens: Tokens, group: np.ndarray) -> Iterator[Job]:
    """Blocks of a few whole speakers against each other; both directions of a block are of use."""
    bands: list[np.ndarray] = []
    for voice in _by_speaker(tokens, group):
        if bands and len(bands[-1]) + len(voice) <= BAND:
            bands[-1] = np.concatenate([bands[-1], voice])
        else:
            bands.append(voice)
    for i, band in enumerate(bands):
        if (tokens.speaker_N[band] != tokens.speaker_N[band[0]]).any():
            yield Job(Block(band))
        for other in bands[i + 1 :]:
            if len(band) * len(other) * 2 <= LARGEST:
                yield Job(Block(band, other, both=True))
            else:
                yield from _rows_in_parts(tokens, band, other)
                yield from _rows_in_parts(tokens, other, band)


def _drawn_pairs(tokens: Tokens, group: np.ndarray, drawn: SpeakerDraw) -> Iterator[Job]:
    """Blocks of the tokens X of one speaker that are wanted against all tokens of another."""
    context = int(tokens.context_N[group[0]])
    voices = _by_speaker(tokens, group)
    for columns in voices:
        a_speaker = int(tokens.speaker_N[columns[0]])
        phones = set(tokens.phone_N[columns].tolist())
        for rows in voices:
            x_speaker = int(tokens.speaker_N[rows[0]])
            wanted = [p for p in phones if x_speaker in drawn.chosen(context, p, a_speaker)]
            part = rows[np.isin(tokens.phone_N[rows], wanted)]
            if x_speaker != a_speaker and len(part):
                yield from _rows_in_parts(tokens, part, columns)


def _rows_in_parts(tokens: Tokens, rows: np.ndarray, columns: np.ndarray) -> Iterator[Job]:
    """Blocks of whole row segments, in one direction, of bounded size."""
    part: list[np.ndarray] = []
    change = np.diff(tokens.speaker_N[rows]) | np.diff(tokens.phone_N[rows])
    for segment in np.split(rows, np.flatnonzero(change) + 1):
        if part and (sum(map(len, part)) + len(segment)) * len(columns) > LARGEST:
            yield Job(Block(np.concatenate(part), columns))
            part = []
        part.append(segment)
    yield Job(Block(np.concatenate(part), columns))
