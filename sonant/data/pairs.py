"""Pairs of segments that hold the same word, true or discovered.

The file ``pairs.tsv`` has a header and a pair a line, with tabs between: ``a a_start a_end b b_start b_end label``.
``a`` and ``b`` are utterances of a manifest (or keys of an archive), times are in seconds, an unknown label is ``?``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core import SonantError, numpy_generator, require
from ..core.files import write_text
from .keys import make_key
from .manifest import Manifest
from .words import Word, in_seconds, read_table

COLUMNS = ("a", "a_start", "a_end", "b", "b_start", "b_end", "label")
NO_LABEL = "?"
Span = tuple[str, float, float]  # utterance, start and end in seconds


@dataclass(frozen=True)
class Pair:
    """Two segments, times in seconds."""

    a: str
    a_start: float
    a_end: float
    b: str
    b_start: float
    b_end: float
    label: str = NO_LABEL

    @property
    def spans(self) -> tuple[Span, Span]:
        """Both sides, as views of pairs take them."""
        return (self.a, self.a_start, self.a_end), (self.b, self.b_start, self.b_end)


def pairs_of_words(
    words: Sequence[Word],
    *,
    different_speakers: bool = False,
    most_per_label: int | None = None,
    seed: int = 0,
) -> list[Pair]:
    """All pairs of tokens with the same known label, label by label in the order of the list.

    Args:
        words: tokens with their places.
        different_speakers: leave out pairs of one speaker; every word must have one then.
        most_per_label: so many pairs of a label at the most, drawn without replacement by ``seed``.
        seed: of the draw; the pairs of one label do not depend on the others.
    """
    require(most_per_label is None or most_per_label > 0, f"most_per_label must be positive, got {most_per_label}")
    by_label: dict[str, list[Word]] = {}
    require(
        any(word.label != NO_LABEL for word in words),
        "these words have no labels (?), so none is known to be the same as another: find pairs with 'sonant pairs "
        "closest', or read those of a discovery system with 'sonant pairs utd'",
    )
    for word in words:
        if word.label == NO_LABEL:
            continue
        require(
            word.speaker is not None or not different_speakers,
            f"the word '{word.key}' has no speaker, which pairs of different speakers need",
        )
        by_label.setdefault(word.label, []).append(word)
    pairs = []
    for label, tokens in by_label.items():
        for i, j in _chosen(tokens, different_speakers, most_per_label, seed):
            pairs.append(Pair(*tokens[i].span, *tokens[j].span, label))
    return pairs


def _chosen(tokens: list[Word], different: bool, most: int | None, seed: int) -> Iterator[tuple[int, int]]:
    """Pairs (i, j) with i < j, drawn from all of them by their rank, so that no list of all is needed."""
    _, speaker = np.unique([word.speaker or "" for word in tokens], return_inverse=True)

    def partners(i: int) -> np.ndarray:
        later = np.arange(i + 1, len(tokens))
        return later[speaker[later] != speaker[i]] if different else later

    ends = np.cumsum([len(partners(i)) for i in range(len(tokens))])
    total = int(ends[-1])
    if most is None or total <= most:
        ranks = np.arange(total)
    else:
        ranks = np.sort(numpy_generator(seed, "pairs", tokens[0].label).choice(total, most, replace=False))
    first = np.searchsorted(ends, ranks, side="right")
    for i in np.unique(first):
        skipped = int(ends[i - 1]) if i else 0
        yield from ((int(i), int(j)) for j in partners(int(i))[ranks[first == i] - skipped])


def pairs_within(pairs: Sequence[Pair], manifest: Manifest) -> tuple[list[Pair], dict[str, int]]:
    """The pairs whose sides begin in utterances of a manifest, ends cut to these, and how many were left out.

    Raises SonantError when none is left.
    """
    ends = {u.id: u.duration for u in manifest}
    kept = [
        replace(pair, a_end=min(pair.a_end, ends[pair.a]), b_end=min(pair.b_end, ends[pair.b]))
        for pair in pairs
        if pair.a_start < ends.get(pair.a, 0.0) and pair.b_start < ends.get(pair.b, 0.0)
    ]
    require(
        kept,
        f"none of {len(pairs)} pairs lies in utterances of '{manifest.folder}', which are called like "
        f"'{next(iter(ends))}' and in the list like '{pairs[0].a}'; is the list of this corpus?",
    )
    return kept, {"read": len(pairs), "not in the corpus": len(pairs) - len(kept), **digest_of_pairs(kept)}


def words_of_pairs(pairs: Sequence[Pair]) -> Iterator[Word]:
    """The segments of pairs, each once, called ``<label>_<utterance>_<start>-<end>`` in frames at 100 Hz."""
    seen: set[str] = set()
    for pair in pairs:
        for span in pair.spans:
            key = make_key(None if pair.label == NO_LABEL else pair.label, *span)
            if key not in seen:
                seen.add(key)
                yield Word(key, pair.label, None, *span)


def digest_of_pairs(pairs: Sequence[Pair]) -> dict[str, int]:
    """Pairs, distinct labels and distinct segments of a list."""
    return {
        "pairs": len(pairs),
        "labels": len({pair.label for pair in pairs} - {NO_LABEL}),
        "segments": len({span for pair in pairs for span in pair.spans}),
    }


def write_pairs(path: str | Path, pairs: Sequence[Pair]) -> None:
    """Write ``pairs.tsv``, atomically."""
    require(pairs, f"no pair is left to write to '{path}'")
    lines = ["\t".join(COLUMNS)]
    for pair in pairs:
        sides = [field for name, start, end in pair.spans for field in (name, in_seconds(start), in_seconds(end))]
        require("\t" not in f"{pair.a}{pair.b}{pair.label}", f"the pair of '{pair.a}' and '{pair.b}' holds a tab")
        lines.append("\t".join([*sides, pair.label]))
    write_text(path, "\n".join(lines) + "\n")


def is_pair_list(path: str | Path) -> bool:
    """Whether the first line of a file names the columns of pairs."""
    with Path(path).open("rb") as stream:
        return b"a_start" in stream.readline(1000).split(b"\t")


def read_pairs(path: str | Path) -> list[Pair]:
    """Read ``pairs.tsv``; a missing column ``label`` stands for unknown labels.

    Raises:
        SonantError: no such file, columns missing, or a line that is no pair.
    """
    pairs = []
    for where, row in read_table(path, needs=[[name] for name in COLUMNS[:-1]]):
        try:
            times = [float(row[name]) for name in ("a_start", "a_end", "b_start", "b_end")]
        except ValueError:
            raise SonantError(f"{where}: one of its times is no number of seconds") from None
        good = all(0 <= start < end < math.inf for start, end in (times[:2], times[2:]))
        require(good, f"{where}: a segment that is empty or backwards")
        pairs.append(Pair(row["a"], *times[:2], row["b"], *times[2:], row.get("label") or NO_LABEL))
    require(pairs, f"'{path}' holds no pair")
    return pairs
