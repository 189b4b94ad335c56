"""Scores of trials on file.

    1 0.73                         label and score, with or without the names between or before them:
    1 enrol test 0.73
    enrol test 0.73 target         wespeaker: the label last

Letters: P trials.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core import SonantError, require
from .alignments import read_rows
from .trials import FIRST, LAST, Trials


def read_scores(path: str | Path) -> tuple[Trials, np.ndarray]:
    """The trials and their (P,) scores; trials without names are each of two recordings of their own.

    Raises:
        SonantError: a line that is none of the three, named by its number; nothing in the file.
    """
    numbers: dict[str, int] = {}
    enrol, test, target, scores = [], [], [], []
    for where, fields in read_rows(path):
        same, score, names = _parsed(fields, where)
        one, other = names or (f"enrol-{len(scores)}", f"test-{len(scores)}")
        enrol.append(numbers.setdefault(one, len(numbers)))
        test.append(numbers.setdefault(other, len(numbers)))
        target.append(same), scores.append(score)
    require(scores, f"'{path}' holds no score")
    trials = Trials(list(numbers), *(np.array(side, np.int32) for side in (enrol, test)), np.array(target, bool))
    return trials, np.array(scores)


def _parsed(fields: list[str], where: str) -> tuple[bool, float, tuple[str, str] | None]:
    """(same speaker, score, names)."""
    if len(fields) in (2, 4) and fields[0] in FIRST:
        label, score, names = FIRST[fields[0]], fields[-1], fields[1:-1]
    elif len(fields) in (2, 4) and fields[-1] in LAST:
        label, score, names = LAST[fields[-1]], fields[-2], fields[:-2]
    else:
        raise SonantError(
            f"{where}: expected 'label score', 'label enrol test score' with label 1 or 0, or 'enrol test score label' "
            "with label target or nontarget"
        )
    try:
        return label, float(score), tuple(names) or None
    except ValueError:
        raise SonantError(f"{where}: '{score}' is no score") from None
