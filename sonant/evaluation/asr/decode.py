"""Decoding many utterances, scoring them, and choosing the weights of the language model on a held-out part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.files import write_text
from ...data.manifest import Utterance
from ..edit_distance import error_rate
from .beam import Search, beam_search, best_path
from .units import Units

INVERSE_ALPHAS = (1, 2, 3, 4)  # the grid of Robertson and Dunbar 2023
BETAS = (0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Decoded:
    """What was said and what was heard, utterance by utterance."""

    utterances: tuple[Utterance, ...]
    references: tuple[str, ...]
    hypotheses: tuple[str, ...]

    @property
    def figures(self) -> dict[str, float]:
        """Edits by words, and by characters with spaces, of the references."""
        return {
            "wer": word_error(self.references, self.hypotheses),
            "cer": error_rate(self.references, self.hypotheses),
        }


def word_error(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Edits over all pairs of texts by the number of words of the references."""
    return error_rate(*([text.split() for text in texts] for texts in (references, hypotheses)))


def decode(
    logs: Sequence[np.ndarray],
    units: Units,
    how: Search | None,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """The text of every (T, C) array of logarithms; ``how=None``: of the best path."""
    found = []
    for number, log_TC in enumerate(logs, start=1):
        found.append(units.decode(best_path(log_TC) if how is None else beam_search(log_TC, units.pieces, how)))
        if progress is not None:
            progress(number, len(logs))
    return found


def tuned(
    logs: Sequence[np.ndarray],
    references: Sequence[str],
    units: Units,
    how: Search,
    *,
    alphas: Sequence[float] = tuple(1 / a for a in INVERSE_ALPHAS),
    betas: Sequence[float] = BETAS,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Search, float]:
    """The search with the lowest word error on these utterances, and that error; the earlier of equals."""
    grid = [replace(how, alpha=alpha, beta=beta) for alpha in alphas for beta in betas]
    errors = []
    for number, one in enumerate(grid, start=1):
        errors.append(word_error(references, decode(logs, units, one)))
        if progress is not None:
            progress(number, len(grid))
    best = int(np.argmin(errors))
    return grid[best], errors[best]


def write_texts(folder: Path, decoded: Decoded) -> None:
    """``ref.trn`` and ``hyp.trn`` as sclite reads them, and both beside each other in ``texts.tsv``."""
    rows = list(zip(decoded.utterances, decoded.references, decoded.hypotheses, strict=True))
    names = [f"({u.speaker or 'unknown'}-{u.id})" for u, _, _ in rows]
    for file, texts in (("ref.trn", decoded.references), ("hyp.trn", decoded.hypotheses)):
        lines = [f"{text} {name}".strip() for text, name in zip(texts, names, strict=True)]
        write_text(folder / file, "".join(f"{line}\n" for line in lines))
    table = [f"{u.id}\t{reference}\t{hypothesis}\n" for u, reference, hypothesis in rows]
    write_text(folder / "texts.tsv", "".join(["utterance\tref\thyp\n", *table]))
