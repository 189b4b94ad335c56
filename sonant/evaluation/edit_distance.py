"""How many substitutions, insertions and deletions make one sequence another: the errors behind WER, CER and PER."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ..core import require


def edit_distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> int:
    """Fewest edits between two sequences (Levenshtein 1966), each of weight 1."""
    number: dict[Hashable, int] = {}
    a, b = (np.array([number.setdefault(x, len(number)) for x in s], np.int64) for s in (reference, hypothesis))
    place = np.arange(len(b) + 1)
    row = place
    for i, symbol in enumerate(a, start=1):
        best = np.minimum(row[:-1] + (b != symbol), row[1:] + 1)  # substitute or keep; delete
        row = np.minimum.accumulate(np.concatenate([[i], best]) - place) + place  # insert
    return int(row[-1])


def error_rate(references: Sequence[Sequence[Hashable]], hypotheses: Sequence[Sequence[Hashable]]) -> float:
    """Edits over all pairs of sequences, by the number of symbols in the references; it may exceed 1."""
    symbols = sum(map(len, references))
    require(symbols > 0, "an error rate needs references that are not empty")
    return sum(edit_distance(a, b) for a, b in zip(references, hypotheses, strict=True)) / symbols
