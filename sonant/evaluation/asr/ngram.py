"""N-grams of words: reading ARPA files, and scoring sentences word by word.

Katz back-off as every ARPA file means it: ln p(w | h) is that of the longest n-gram that is there, plus the back-off
weights of the histories that were left behind.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from ...core import MissingExtra, SonantError, require

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
LN10 = math.log(10)
LETTER = math.log(1 / 27)  # ln p of each letter of a word that the model does not know
LARGE = 200_000_000  # bytes of an ARPA file from which on kenlm reads it

Words = tuple[str, ...]


class Ngram:
    """An n-gram model in memory.

    Args:
        entries: n-gram -> (log10 p, log10 back-off).

    An unknown word costs what the model says of ``<unk>``, and its spelling with 27 equal letters.
    """

    def __init__(self, entries: Mapping[Words, tuple[float, float]]):
        require((END,) in entries, "the n-gram model does not know the end of a sentence, </s>")
        self.entries = entries
        self.order = max(map(len, entries))
        self.beginnings = beginnings(words[0] for words in entries if len(words) == 1)
        self.least = min(p for words, (p, _) in entries.items() if len(words) == 1 and p > -90)

    def start(self) -> Words:
        """The state at the beginning of a sentence."""
        return (START,) if self.order > 1 else ()

    def score(self, state: Words, word: str) -> tuple[float, Words]:
        """ln p(word | state), and the state after it."""
        known = (word,) in self.entries
        spelt = 0.0 if known else LETTER * len(word)
        log10, state = self._found(state, word if known else UNKNOWN)
        return LN10 * log10 + spelt, state

    def end(self, state: Words) -> float:
        """ln p(end of the sentence | state)."""
        return LN10 * self._found(state, END)[0]

    def begun(self, letters: str) -> float:
        """0 when a known word begins so, else what the letters of an unknown one cost so far."""
        return 0.0 if letters in self.beginnings else LETTER * len(letters)

    def _found(self, state: Words, word: str) -> tuple[float, Words]:
        after = (*state, word)[-(self.order - 1) :] if self.order > 1 else ()
        log10, history = 0.0, state
        while True:
            entry = self.entries.get((*history, word))
            if entry is not None:
                return log10 + entry[0], after
            if not history:
                return log10 + self.least, ()  # a model without <unk>
            log10 += self.entries.get(history, (0.0, 0.0))[1]
            history = history[1:]


class Kenlm:
    """An ARPA file that the package kenlm reads, for those that are too large for ``Ngram``."""

    def __init__(self, path: Path):
        try:
            import kenlm
        except ImportError:
            raise MissingExtra("kenlm", "kenlm", f"reading '{path}', a large language model,") from None
        self._kenlm = kenlm
        try:
            self.model = kenlm.Model(str(path))
        except (OSError, RuntimeError) as error:
            raise SonantError(f"'{path}' is no language model that kenlm reads: {error}") from None
        self.beginnings = beginnings(read_words(path))

    def start(self) -> Any:
        """The state at the beginning of a sentence."""
        state = self._kenlm.State()
        self.model.BeginSentenceWrite(state)
        return state

    def score(self, state: Any, word: str) -> tuple[float, Any]:
        """ln p(word | state), and the state after it."""
        after = self._kenlm.State()
        log10 = self.model.BaseScore(state, word, after)
        return LN10 * log10 + (0.0 if word in self.model else LETTER * len(word)), after

    def end(self, state: Any) -> float:
        """ln p(end of the sentence | state)."""
        return LN10 * self.model.BaseScore(state, END, self._kenlm.State())

    def begun(self, letters: str) -> float:
        """0 when a known word begins so, else what the letters of an unknown one cost so far."""
        return 0.0 if letters in self.beginnings else LETTER * len(letters)


def load_ngram(path: str | Path) -> Ngram | Kenlm:
    """A model from an ARPA file (also .gz); one over 200 MB is read by the package kenlm."""
    path = Path(path)
    require(path.is_file(), f"there is no language model '{path}'; estimate one with: sonant lm")
    if path.stat().st_size > LARGE:
        return Kenlm(path)
    return Ngram(read_arpa(path))


def beginnings(words: Iterable[str]) -> frozenset[str]:
    """The first letters of words, as many as there are."""
    return frozenset(word[:n] for word in words for n in range(1, len(word) + 1))


def read_words(path: Path) -> list[str]:
    """The unigrams of an ARPA file, reading no further."""
    lines = map(str.strip, _lines(path))
    begin = next((line for line in lines if line == "\\1-grams:"), None)
    require(begin is not None, f"{path}: not an ARPA file, it has no unigrams")
    return [line.split()[1] for line in takewhile(lambda line: not line.startswith("\\"), lines) if line]


def read_arpa(path: Path) -> dict[Words, tuple[float, float]]:
    """N-gram -> (log10 p, log10 back-off; 0 where none is given).

    Raises:
        SonantError: no ARPA file, or one that was cut short; the line is named.
    """
    found: dict[Words, tuple[float, float]] = {}
    promised: dict[int, int] = {}
    order = number = 0
    ended = False
    try:
        for line in map(str.strip, _lines(path)):
            number += 1
            if line.startswith("\\"):
                ended = line == "\\end\\"
                order = int(line[1:].split("-")[0]) if line.endswith("-grams:") else 0
            elif line.startswith("ngram ") and not order:
                size, _, count = line[6:].partition("=")
                promised[int(size)] = int(count)
            elif line and order:
                _entry(line, order, found)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise SonantError(f"{path}, line {number + 1}: not an ARPA file ({error})") from None
    require(ended and found, f"{path}: not an ARPA file, or cut short: it does not end with \\end\\")
    counts = {size: sum(len(words) == size for words in found) for size in promised}
    require(counts == promised, f"{path}: its head promises {promised} n-grams, it holds {counts}")
    return found


def _entry(line: str, order: int, found: dict[Words, tuple[float, float]]) -> None:
    fields = line.split()
    if len(fields) not in (order + 1, order + 2):
        raise ValueError(f"'{line:.60}' is no {order}-gram")
    words = tuple("<unk>" if word == "<UNK>" else word for word in fields[1 : order + 1])
    found[words] = (float(fields[0]), float(fields[order + 1]) if len(fields) == order + 2 else 0.0)


def _lines(path: Path) -> Iterable[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        yield from stream
