"""Unigram and bigram models of units: what a language model of units has to be better than.

Both predict every unit of an utterance but its first, as ``methods/unit_lm.py`` does.

Letters: K units, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import require


def unigram_perplexity(train: Sequence[np.ndarray], test: Sequence[np.ndarray], *, units: int) -> float:
    """Perplexity of ``test``, from 1 on, lower is better: (count + 1) / (all + K), add-one smoothing (Laplace)."""
    share_K = _unigram(train, units)
    return float(np.exp(-np.log(share_K[_pairs(test)[1]]).mean()))


def bigram_perplexity(train: Sequence[np.ndarray], test: Sequence[np.ndarray], *, units: int) -> float:
    """Perplexity of ``test`` by Witten and Bell's interpolation of bigrams with the add-one unigram.

    p(v | u) = (count(u, v) + n(u) p(v)) / (count(u) + n(u)), where n(u) counts the different units seen after u
    (Witten and Bell 1991, method C).
    """
    first_N, next_N = _pairs(train)
    count_KK = np.bincount(first_N * units + next_N, minlength=units * units).reshape(units, units)
    kinds_K = np.maximum((count_KK > 0).sum(1), 1)
    share_K = _unigram(train, units)
    share_KK = (count_KK + kinds_K[:, None] * share_K) / (count_KK.sum(1) + kinds_K)[:, None]
    return float(np.exp(-np.log(share_KK[_pairs(test)]).mean()))


def _unigram(sequences: Sequence[np.ndarray], units: int) -> np.ndarray:
    count_K = np.bincount(np.concatenate(list(sequences)), minlength=units)
    return (count_K + 1) / (count_K.sum() + units)


def _pairs(sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) every unit but the last of its utterance, and (N,) the unit after it."""
    pairs = [(unit_T[:-1], unit_T[1:]) for unit_T in sequences]
    found = tuple(np.concatenate(side).astype(np.int64) for side in zip(*pairs, strict=True)) if pairs else ()
    require(found and len(found[0]), "no utterance has two units, so that there is nothing to predict")
    return found
