"""Chunks cut along alignments, around every phone or every word, of which a few are drawn for each batch.

The chunking policies ``ali`` and ``ref`` of Robertson and Dunbar 2023 (arXiv:2312.01515, their code), beside ``fixed``
(``tiles``) and ``none`` (``utterances``):

    phones   chunk m is segment m of the utterance with ``lobe`` whole segments before it (causal), behind it (future)
             or both (symmetric). Neighbouring phones of one label are one segment, and so is what lies between phones.
    words    chunk m is word m with ``lobe`` frames before it, behind it or both.

``pad: valid`` leaves out chunks whose window reaches past the utterance's ends. Otherwise chunks of phones end there,
and chunks of words are filled up.

Letters: U utterances, E chunks, T frames (or samples of audio).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core import numpy_generator, require, samples_of
from ..manifest import Utterance
from ..pool import Pool
from .base import View, cut_batch
from .tiles import Pad, Window, folded

Span = tuple[int, int]  # first frame and frame after the last, which may lie outside the utterance


@dataclass(frozen=True)
class Config:
    to: Literal["phones", "words"] = "phones"  # what chunks are cut around (ali, ref)
    lobe: int = 0  # how much longer they are: segments (phones) or frames (words)
    window: Window = "causal"  # on which side
    pad: Pad = "valid"  # what stands past the ends of an utterance
    value: float = 0.0  # of constant
    batch_size: int = 3  # utterances whose chunks make a global batch
    most: int | None = 8  # chunks of them that are drawn; None: all
    drop_last: bool = True  # leave out the incomplete batch at the end


class AlignedChunks(View):
    """Utterances in random order, their chunks drawn anew in every epoch."""

    def __init__(self, cfg: Config, pool: Pool):
        require(
            cfg.batch_size > 0 and cfg.lobe >= 0 and (cfg.most is None or cfg.most > 0),
            "aligned chunks need a positive batch_size and number per batch, and a lobe of 0 or more",
        )
        self.cfg, self.pool = cfg, pool
        spans = [
            (number, np.array(list(self._spans(utterance, int(pool.samples[number]))), dtype=np.int64).reshape(-1, 2))
            for number, utterance in _labelled(pool)
        ]
        spans = [(number, span_E2) for number, span_E2 in spans if len(span_E2)]
        require(
            spans,
            f"no chunk of '{pool.manifest.folder}' is left: its utterances have no {cfg.to}, or the window "
            f"({cfg.window}, lobe {cfg.lobe}, pad {cfg.pad}) reaches past the ends of all",
        )
        self.counts = np.array([len(span_E2) for _, span_E2 in spans])
        self.end = np.cumsum(self.counts)
        self.number = np.repeat([number for number, _ in spans], self.counts)
        self.span_E2 = np.concatenate([span_E2 for _, span_E2 in spans])
        total = len(spans)
        self.steps = max(total // cfg.batch_size if cfg.drop_last else -(-total // cfg.batch_size), 1)

    def __len__(self) -> int:
        """Chunks in the pool."""
        return len(self.number)

    def batch(self, index: int, key: int | None) -> np.ndarray:
        utterances = cut_batch(len(self.counts), size=self.cfg.batch_size, index=index, key=key)
        chunks = np.concatenate([np.arange(self.end[u] - self.counts[u], self.end[u]) for u in utterances])
        if self.cfg.most is None or len(chunks) <= self.cfg.most:
            return chunks
        path = ("aligned", index) if key is None else (key, "aligned", index)
        return numpy_generator(*path).choice(chunks, self.cfg.most, replace=False)

    def utterance_of(self, example: int) -> int:
        return int(self.number[example])

    def read(self, example: int, *, key: int | None, seed: int) -> np.ndarray:
        number, (start, end) = int(self.number[example]), self.span_E2[example].tolist()
        length = int(self.pool.samples[number])
        place_T = np.arange(start, end)
        inside_T = folded(place_T, length, reflect=self.cfg.pad == "reflect")
        first = int(inside_T.min())
        x = self.pool.read(number, start=first, count=int(inside_T.max()) - first + 1)
        x = x[np.minimum(inside_T - first, len(x) - 1)]
        if self.cfg.pad == "constant":
            x[(place_T < 0) | (place_T >= length)] = self.cfg.value
        return x

    def size(self, examples: np.ndarray) -> int:
        span_E2 = self.span_E2[examples]
        return int((span_E2[:, 1] - span_E2[:, 0]).max())

    def _spans(self, utterance: Utterance, total: int) -> Iterable[Span]:
        cfg, rate = self.cfg, self.pool.sample_rate
        labelled = (utterance.phones if cfg.to == "phones" else utterance.words) or ()
        runs = [(label, samples_of(on, rate), min(samples_of(off, rate), total)) for label, on, off in labelled]
        options = {"lobe": cfg.lobe, "window": cfg.window, "valid": cfg.pad == "valid"}
        if cfg.to == "phones":
            return phone_spans(segments_of(runs, total), **options) if runs else []
        return word_spans([(start, end) for _, start, end in runs if end > start], total, **options)


def _labelled(pool: Pool) -> Iterable[tuple[int, Utterance]]:
    """(number in the pool, utterance with its labels), in one pass over the manifest."""
    numbers = {int(index): number for number, index in enumerate(pool.index)}
    for index, utterance in enumerate(pool.manifest):
        if index in numbers:
            yield numbers[index], utterance


def segments_of(runs: Sequence[tuple[str, int, int]], total: int) -> list[Span]:
    """Segments that cover ``total`` frames: neighbours of one label as one, and every gap as one."""
    found: list[tuple[str | None, int, int]] = []
    for label, start, end in [*sorted(runs, key=lambda run: run[1:]), (None, total, total)]:
        last, start, end = found[-1][2] if found else 0, min(start, total), min(end, total)
        if start > last:
            found.append((None, last, start))
            last = start
        if end <= last:
            continue
        if found and found[-1][0] == label:
            found[-1] = (label, found[-1][1], end)
        else:
            found.append((label, last, end))
    return [(start, end) for _, start, end in found]


def phone_spans(segments: Sequence[Span], *, lobe: int, window: Window, valid: bool) -> list[Span]:
    """The chunk of every segment: ``lobe`` segments longer on one or both sides, as far as there are any."""
    before, behind = (0 if window == "future" else lobe), (0 if window == "causal" else lobe)
    last, found = len(segments) - 1, []
    for m in range(len(segments)):
        if not valid or (m >= before and m + behind <= last):
            found.append((segments[max(m - before, 0)][0], segments[min(m + behind, last)][1]))
    return found


def word_spans(words: Sequence[Span], total: int, *, lobe: int, window: Window, valid: bool) -> list[Span]:
    """The chunk of every word: ``lobe`` frames longer, past the utterance's ends unless ``valid``."""
    before, behind = (0 if window == "future" else lobe), (0 if window == "causal" else lobe)
    longer = [(start - before, end + behind) for start, end in words]
    return [(start, end) for start, end in longer if not valid or (start >= 0 and end <= total)]
