"""Prefix beam search against all paths, with and without a language model."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from sonant.evaluation.asr.beam import Search, beam_search, best_path
from sonant.evaluation.asr.kneser_ney import estimate
from sonant.evaluation.asr.ngram import Ngram
from sonant.evaluation.asr.units import SPACE

PIECES = ("A", "B", SPACE)
MODEL = Ngram(estimate(["A B", "A BB A", "BA A", "B A B"], order=2))


def logs(T: int, seed: int, C: int = 4, sharp: float = 1.0) -> np.ndarray:
    scores = sharp * np.random.default_rng(seed).standard_normal((T, C))
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def collapsed(path) -> tuple[int, ...]:
    return tuple(now for before, now in zip((0, *path), path, strict=False) if now != before and now)


def likeliest(log_TC: np.ndarray, how: Search, pieces=PIECES) -> tuple[int, ...]:
    """By adding up every path there is."""
    T, C = log_TC.shape
    total: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(C), repeat=T):
        p = math.exp(sum(log_TC[t, c] for t, c in enumerate(path)))
        total[collapsed(path)] = total.get(collapsed(path), 0.0) + p

    def score(prefix) -> float:
        words = "".join(pieces[n - 1] for n in prefix).replace(SPACE, " ").split()
        found = math.log(total[prefix]) + how.beta * len(words)
        if how.model is not None:
            state = how.model.start()
            for word in words:
                p, state = how.model.score(state, word)
                found += how.alpha * p
            found += how.alpha * how.model.end(state)
        return found

    return max(total, key=score)


@pytest.mark.parametrize("how", [Search(), Search(beta=1.5), Search(model=MODEL, alpha=1.0, beta=1.0)])
@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_likeliest_text(how, seed):
    log_TC = logs(6, seed)
    wide = Search(width=5000, model=how.model, alpha=how.alpha, beta=how.beta, least=-math.inf, behind=math.inf)
    assert tuple(beam_search(log_TC, PIECES, wide)) == likeliest(log_TC, wide)


@pytest.mark.parametrize("seed", range(4))
def test_subwords_begin_words(seed):
    pieces = (f"{SPACE}A", "B", f"{SPACE}B")
    how = Search(width=5000, model=MODEL, alpha=0.7, beta=0.5, least=-math.inf, behind=math.inf)
    log_TC = logs(6, seed)
    assert tuple(beam_search(log_TC, pieces, how)) == likeliest(log_TC, how, pieces)


def test_a_narrow_beam_is_near_and_a_sharp_one_is_the_best_path():
    log_TC = logs(60, 0, sharp=12.0)
    assert beam_search(log_TC, PIECES, Search(width=4)) == best_path(log_TC)
    assert beam_search(log_TC[:0], PIECES, Search()) == [] == best_path(log_TC[:0])


def test_the_language_model_decides_where_the_frames_do_not():
    even = np.log(np.array([[0.02, 0.94, 0.02, 0.02], [0.5, 0.02, 0.02, 0.46], [0.02, 0.48, 0.48, 0.02]]))
    plain = Search(width=50)
    with_model = Search(width=50, model=Ngram(estimate(["A B"] * 3, order=2)), alpha=1.0)
    assert "".join(PIECES[n - 1] for n in beam_search(even, PIECES, with_model)) == f"A{SPACE}B"
    assert beam_search(even, PIECES, plain) != beam_search(even, PIECES, with_model)


def test_words_that_run_together_do_not_escape_the_model():
    """Every space is a little less likely than a blank; a narrow beam must still find the words that are known."""
    model = Ngram(estimate(["ABBA BAB AAB", "BAB ABBA", "AAB BAB"], order=2))
    rows = []
    for letter in f"ABBA{SPACE}BAB{SPACE}AAB{SPACE}BAB":
        p = [0.02] * 4
        if letter == SPACE:
            p[0], p[3] = 0.55, 0.41
        else:
            p[PIECES.index(letter) + 1] = 0.94
        rows += [p, [0.97, 0.01, 0.01, 0.01]]
    found = beam_search(np.log(np.array(rows)), PIECES, Search(width=4, model=model, alpha=0.5))
    assert "".join(PIECES[n - 1] for n in found) == f"ABBA{SPACE}BAB{SPACE}AAB{SPACE}BAB"
