"""From the scores of units to text: the best path, and prefix beam search with a word n-gram.

Graves et al. 2006 (best path); Hannun et al. 2014 (arXiv:1408.2873), algorithm 1. The score of a prefix is

    ln p(units | frames) + alpha ln p(words) + beta (number of words)

and a word counts as soon as the next one begins, the last one and the end of the sentence at the end. Letters that
begin no word that the model knows cost at once, so that running words together is no way around the model.

Letters: T frames, C units and the blank, which is number 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .units import SPACE

NEVER = -math.inf


class WordModel(Protocol):
    """A language model over words; scores are natural logarithms."""

    def start(self) -> Any:
        """The state at the beginning of a sentence."""

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """ln p(word | state), and the state after it."""

    def end(self, state: Any) -> float:
        """ln p(end of the sentence | state)."""

    def begun(self, letters: str) -> float:
        """0 when a known word begins so, else what an unknown one costs so far, below 0."""


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        width: prefixes that are kept after each frame.
        model: of the words; None: alpha counts nothing.
        alpha: weight of its logarithms.
        beta: added for each word.
        least: units below this logarithm are not tried in a frame, apart from the best one.
        behind: prefixes whose score is this much lower than the best one are not kept.
    """

    width: int = 32
    model: WordModel | None = None
    alpha: float = 0.5
    beta: float = 0.0
    least: float = -6.0
    behind: float = 12.0


@dataclass(eq=False, slots=True)
class Node:
    """A prefix.

    ``blank`` and ``unit`` are ln p of the paths that end in either, ``heard`` of both, ``words`` is what its words
    score, and ``ahead`` what the letters of its last one cost already.
    """

    parent: Node | None
    last: int
    partial: str = ""  # of the word that is being spelt
    state: Any = None
    words: float = 0.0
    ahead: float = 0.0
    blank: float = NEVER
    unit: float = NEVER
    heard: float = NEVER
    next_blank: float = NEVER
    next_unit: float = NEVER
    children: dict[int, Node] = field(default_factory=dict)


def best_path(log_TC: np.ndarray) -> list[int]:
    """The units of the likeliest path."""
    best_T = log_TC.argmax(1).tolist()
    return [now for before, now in zip([0, *best_T], best_T, strict=False) if now != before and now]


def beam_search(log_TC: np.ndarray, pieces: Sequence[str], how: Search) -> list[int]:
    """The units of the likeliest prefix found.

    Args:
        log_TC: natural logarithms of probabilities.
        pieces: text of each unit, that of number n at n - 1.
    """
    root = Node(None, 0, state=None if how.model is None else how.model.start(), blank=0.0, heard=0.0)
    beam = [root]
    for log_C in log_TC:
        tried = np.flatnonzero(log_C[1:] >= min(how.least, log_C[1:].max())) + 1
        beam = _frame(beam, log_C.tolist(), tried.tolist(), pieces, how)
    best = max(beam, key=lambda node: node.heard + _ended(node, how))
    return _units(best)


def _frame(beam: list[Node], log_C: list[float], tried: list[int], pieces: Sequence[str], how: Search) -> list[Node]:
    touched: dict[int, Node] = {}
    for node in beam:
        heard = node.heard
        node.next_blank = heard + log_C[0]
        touched[id(node)] = node
        if node.last:
            node.next_unit = _add(node.next_unit, node.unit + log_C[node.last])
        for number in tried:
            before = node.blank if number == node.last else heard
            if before == NEVER:
                continue
            child = node.children.get(number) or _child(node, number, pieces[number - 1], how)
            child.next_unit = _add(child.next_unit, before + log_C[number])
            touched[id(child)] = child
    for node in touched.values():
        node.blank, node.unit, node.next_blank, node.next_unit = node.next_blank, node.next_unit, NEVER, NEVER
        node.heard = _add(node.blank, node.unit)
    ranked = [(node.heard + node.words + node.ahead, node) for node in touched.values()]
    enough = max(score for score, _ in ranked) - how.behind
    kept = [node for score, node in sorted(ranked, key=lambda pair: -pair[0])[: how.width] if score >= enough]
    alive = {id(node) for node in kept}
    for node in beam:
        if id(node) not in alive:
            node.blank = node.unit = node.heard = NEVER
    return kept


def _child(node: Node, number: int, piece: str, how: Search) -> Node:
    child = Node(node, number, node.partial + piece, node.state, node.words)
    if piece.startswith(SPACE):
        child.partial = piece[1:]
        if node.partial:
            child.words, child.state = _worded(node, how)
    if how.model is not None and child.partial:
        child.ahead = how.alpha * how.model.begun(child.partial)
    node.children[number] = child
    return child


def _worded(node: Node, how: Search) -> tuple[float, Any]:
    """Score of the words and state after the word that ``node`` spells."""
    if how.model is None:
        return node.words + how.beta, None
    log, state = how.model.score(node.state, node.partial)
    return node.words + how.alpha * log + how.beta, state


def _ended(node: Node, how: Search) -> float:
    words, state = _worded(node, how) if node.partial else (node.words, node.state)
    return words if how.model is None else words + how.alpha * how.model.end(state)


def _units(node: Node) -> list[int]:
    found = []
    while node.parent is not None:
        found.append(node.last)
        node = node.parent
    return found[::-1]


def _add(a: float, b: float) -> float:
    """ln(e^a + e^b)."""
    if a < b:
        a, b = b, a
    return a if b == NEVER else a + math.log1p(math.exp(b - a))
