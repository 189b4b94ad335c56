"""From cells to one figure, and the tables on the way.

Unweighted means at every level: over the cells (contexts and X speakers) of an ordered pair of phones and a
speaker, over the speakers, over the pairs.

Letters: P phones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..core import unknown
from ._abx_cells import Tokens
from ._abx_count import Cells

LEVELS = ("all", "phone pair", "phone", "speaker")
Level = Literal["all", "phone pair", "phone", "speaker"]
_PENDING = 2**20  # rows that wait before they are merged


class Tally:
    """Sums over cells by (A and X phone, B phone, speaker), in memory that grows with these, not with the cells."""

    def __init__(self, tokens: Tokens):
        self.tokens = tokens
        self.cells = 0
        self.triples = 0
        self._waiting = 0
        self._key: list[np.ndarray] = []
        self._sums: list[np.ndarray] = []  # (rows, 3): errors, cells, triples

    def add(self, cells: Cells) -> None:
        """Take in the cells of one block."""
        if not len(cells):
            return
        speakers, phones = len(self.tokens.speakers), len(self.tokens.phones)
        self._key.append((cells.phone_a * phones + cells.phone_b) * speakers + cells.speaker)
        self._sums.append(np.stack([cells.error, np.ones(len(cells)), cells.triples], axis=1))
        self.cells += len(cells)
        self.triples += int(cells.triples.sum())
        self._waiting += len(cells)
        if self._waiting > _PENDING:
            self._merge()

    def _merge(self) -> None:
        key, row = np.unique(np.concatenate(self._key), return_inverse=True)
        sums = np.concatenate(self._sums)
        merged = np.stack([np.bincount(row, weights=column) for column in sums.T], axis=1)
        self._key, self._sums, self._waiting = [key], [merged], 0

    def table(self) -> Table:
        """The mean error of every (A phone, B phone, speaker) that has a cell."""
        self._merge()
        key, sums = self._key[0], self._sums[0]
        pair, speaker = np.divmod(key, len(self.tokens.speakers))
        phone_a, phone_b = np.divmod(pair, len(self.tokens.phones))
        cells, triples = sums[:, 1].astype(np.int64), sums[:, 2].astype(np.int64)
        return Table(phone_a, phone_b, speaker, sums[:, 0] / sums[:, 1], cells, triples)


@dataclass(frozen=True)
class Table:
    """Errors by (phone of A and X, phone of B, speaker of A and B), as columns of equal length."""

    phone_a: np.ndarray
    phone_b: np.ndarray
    speaker: np.ndarray
    error: np.ndarray
    cells: np.ndarray
    triples: np.ndarray


@dataclass(frozen=True)
class ABXResult:
    """An ABX score with its tables.

    Attributes:
        error: share of triples in which X is taken for B, in [0, 1]; lower is better, chance is 0.5.
        settings: everything that the score depends on besides features and items.
        phones, speakers, contexts: names behind the numbers of ``table`` and ``cells``.
        table: errors by phone pair and speaker.
        cells: every cell, when it was asked for.
        items: tokens compared, after sub-sampling.
        skipped: items without a frame.
        n_cells, n_triples: what the score is made of.
        n_pairs: token pairs that were aligned.
        seconds: wall-clock time, features in memory to score.
    """

    error: float
    settings: dict[str, Any]
    phones: tuple[str, ...]
    speakers: tuple[str, ...]
    contexts: tuple[str, ...] = field(repr=False)
    table: Table = field(repr=False)
    cells: Cells | None = field(repr=False)
    items: int
    skipped: int
    n_cells: int
    n_triples: int
    n_pairs: int
    seconds: float

    @property
    def pairs_per_second(self) -> float:
        """Token pairs aligned a second, everything included."""
        return self.n_pairs / max(self.seconds, 1e-9)

    def collapse(self, level: Level) -> dict[Any, float]:
        """Mean errors at a level: ``all``, each ordered ``phone pair``, each ``phone`` A, each ``speaker``.

        The level ``all`` is the score; the others are the means that have it as their (unweighted) mean, except
        ``speaker``, which averages the pairs of one speaker.
        """
        if level not in LEVELS:
            raise unknown("level", level, LEVELS)
        if level == "speaker":
            return _named(self.speakers, *_means(self.table.speaker, self.table.error))
        pairs, errors = _means(self.table.phone_a * len(self.phones) + self.table.phone_b, self.table.error)
        if level == "all":
            return {"all": float(errors.mean())}
        if level == "phone":
            return _named(self.phones, *_means(pairs // len(self.phones), errors))
        size = len(self.phones)
        names = [(self.phones[pair // size], self.phones[pair % size]) for pair in pairs]
        return dict(zip(names, errors.tolist(), strict=True))

    def by_phone_pair(self) -> list[dict[str, Any]]:
        """One row for every ordered pair of phones, from the most confused: names, error, speakers, cells, triples."""
        size = len(self.phones)
        pairs, row = np.unique(self.table.phone_a * size + self.table.phone_b, return_inverse=True)
        speakers = np.bincount(row)
        errors = np.bincount(row, weights=self.table.error) / speakers
        cells, triples = (np.bincount(row, weights=x).astype(int) for x in (self.table.cells, self.table.triples))
        rows = [
            {
                "phone": self.phones[pairs[i] // size],
                "other": self.phones[pairs[i] % size],
                "error": float(errors[i]),
                "speakers": int(speakers[i]),
                "cells": int(cells[i]),
                "triples": int(triples[i]),
            }
            for i in range(len(pairs))
        ]
        return sorted(rows, key=lambda r: (-r["error"], r["phone"], r["other"]))

    def confusions(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Phones, and the (P, P) errors of X of the row's phone against the column's; NaN where there is no cell."""
        matrix_PP = np.full((len(self.phones), len(self.phones)), np.nan)
        index = {phone: i for i, phone in enumerate(self.phones)}
        for (a, b), error in self.collapse("phone pair").items():
            matrix_PP[index[a], index[b]] = error
        return self.phones, matrix_PP

    def summary(self) -> dict[str, Any]:
        """The score with its settings, counts and confusions, ready for JSON and ``results.jsonl``."""
        phones, matrix_PP = self.confusions()
        rows = [[None if np.isnan(error) else error for error in row] for row in matrix_PP.tolist()]
        counts = ("items", "skipped", "n_cells", "n_triples", "n_pairs", "pairs_per_second")
        return {
            "task": "abx",
            "figure": self.error,
            "settings": self.settings,
            "seconds": self.seconds,
            "confusions": {"phones": list(phones), "matrix": rows},
            **{name: getattr(self, name) for name in counts},
        }


def _means(key: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct keys and the mean of the values of each."""
    keys, row = np.unique(key, return_inverse=True)
    return keys, np.bincount(row, weights=value) / np.bincount(row)


def _named(names: tuple[str, ...], keys: np.ndarray, values: np.ndarray) -> dict[str, float]:
    return {names[key]: float(value) for key, value in zip(keys, values, strict=True)}
