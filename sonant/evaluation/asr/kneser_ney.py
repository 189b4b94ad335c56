"""Estimating an n-gram: interpolated modified Kneser-Ney smoothing.

Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", Sec. 3; estimated as in
Heafield et al. 2013, "Scalable modified Kneser-Ney language model estimation": all orders interpolated, the unigrams
with equal shares for all words and ``<unk>``.

    p(w | h) = (c(h w) - D(c(h w))) / c(h) + g(h) p(w | h without its first word)

where c of the highest order counts occurrences, and of a lower one the different words before (n-grams that begin
with ``<s>`` keep their occurrences), and g(h) makes the sum 1.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...core import require
from ...core.files import write_text
from .ngram import END, START, UNKNOWN, Words

FALLBACK = (0.5, 1.0, 1.5)  # discounts where the text is too small to estimate them
Entries = dict[Words, tuple[float, float]]


def estimate(sentences: Iterable[str], *, order: int = 3) -> Entries:
    """N-gram -> (log10 p, log10 back-off) from sentences of words parted by spaces.

    Raises SonantError when there is no sentence.
    """
    require(order >= 1, f"the order of an n-gram must be at least 1, got {order}")
    counts = adjusted(sentences, order)
    require(counts[0], "there is no sentence to estimate an n-gram from")
    vocabulary = [words for words in counts[0] if words != (START,)]
    below: dict[Words, float] = {}
    share = 1.0 / (len(vocabulary) + 1)  # with <unk>
    found: dict[int, dict[Words, float]] = {}
    left: dict[Words, float] = {}  # history -> g, for all orders
    for n, counted in enumerate(counts, start=1):
        discounts = discounts_of(counted)
        total: dict[Words, float] = defaultdict(float)
        freed: dict[Words, float] = defaultdict(float)
        for words, count in counted.items():
            if words[-1] != START:
                total[words[:-1]] += count
                freed[words[:-1]] += discounts[min(count, 3) - 1]
        here = {}
        for words, count in counted.items():
            if words[-1] != START:
                history = words[:-1]
                lower = below[words[1:]] if n > 1 else share
                kept = (count - discounts[min(count, 3) - 1]) / total[history]
                here[words] = kept + freed[history] / total[history] * lower
        if n == 1:
            here[(UNKNOWN,)] = freed[()] / total[()] * share
        left |= {history: freed[history] / total[history] for history in total}
        found[n] = below = here
    return _as_logs(found, left)


def adjusted(sentences: Iterable[str], order: int) -> list[Counter]:
    """Counts of each order, 1 to ``order``: those of the highest, and the different words before for the others."""
    highest: Counter = Counter()
    begun = [Counter() for _ in range(order)]
    for sentence in sentences:
        words = (START, *sentence.split(), END)
        if len(words) == 2:
            continue
        if order == 1:
            highest.update((word,) for word in words[1:])
            continue
        for n in range(1, min(order - 1, len(words)) + 1):
            begun[n - 1][words[:n]] += 1
        highest.update(words[i : i + order] for i in range(len(words) - order + 1))
    counts = [highest]
    for n in range(order - 1, 0, -1):
        before = Counter(words[1:] for words in counts[0])
        counts.insert(0, Counter({**before, **begun[n - 1]}))
    return counts


def discounts_of(counted: Mapping[Words, int]) -> tuple[float, float, float]:
    """D1, D2 and D3 of an order (Chen and Goodman, equation 26), or ``FALLBACK`` where they cannot be."""
    n1, n2, n3, n4 = (sum(count == k for count in counted.values()) for k in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < d <= k for k, d in enumerate(found, start=1)) else FALLBACK


def write_arpa(path: Path, entries: Mapping[Words, tuple[float, float]]) -> None:
    """An ARPA file, whole or not at all."""
    order = max(map(len, entries))
    parts = {n: sorted(words for words in entries if len(words) == n) for n in range(1, order + 1)}
    lines = ["\\data\\", *(f"ngram {n}={len(part)}" for n, part in parts.items())]
    for n, part in parts.items():
        lines += ["", f"\\{n}-grams:"]
        for words in part:
            log10, back = entries[words]
            lines.append(f"{log10:.7g}\t{' '.join(words)}" + (f"\t{back:.7g}" if n < order else ""))
    write_text(path, "\n".join([*lines, "", "\\end\\", ""]))


def _as_logs(found: Mapping[int, Mapping[Words, float]], left: Mapping[Words, float]) -> Entries:
    entries: Entries = {(START,): (-99.0, math.log10(left.get((START,), 1.0)))}
    for part in found.values():
        for words, p in part.items():
            entries[words] = (math.log10(p), math.log10(left.get(words, 1.0)))
    return entries
