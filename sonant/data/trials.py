"""Trial lists of speaker verification: which recording is compared with which, and whether the speaker is the same.

    1 id10270/x6uYqmx31kE/00001.wav id10270/8jEAjG6SegY/00008.wav      VoxCeleb: label first
    enrol-utterance test-utterance target                             Kaldi, wespeaker: target or nontarget
    enrol-utterance test-utterance imp                                SITW, VOiCES: tgt or imp

Letters: P trials, U recordings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import SonantError, require

FIRST = {"1": True, "0": False}
LAST = {"target": True, "nontarget": False, "tgt": True, "imp": False}
SHOWN = 60  # characters of a line in a message


@dataclass(frozen=True)
class Trials:
    """A list of trials.

    Attributes:
        names: (U,) recordings as the list names them, each once, in the order in which they come first.
        enrol_P, test_P: int32, numbers of ``names``.
        target_P: bool, whether both are of the same speaker.
    """

    names: list[str]
    enrol_P: np.ndarray
    test_P: np.ndarray
    target_P: np.ndarray

    def __len__(self) -> int:
        return len(self.target_P)


def read_trials(path: str | Path) -> Trials:
    """Read a trial list; its first line tells which of the three formats it has. Empty lines are left out.

    Raises:
        SonantError: no such file, nothing in it, or a line that is no trial, named by its number.
    """
    numbers: dict[str, int] = {}
    enrol, test, target = [], [], []
    for one, other, same in _rows(Path(path)):
        enrol.append(numbers.setdefault(one, len(numbers)))
        test.append(numbers.setdefault(other, len(numbers)))
        target.append(same)
    require(target, f"the trial list '{path}' is empty")
    return Trials(
        list(numbers), np.array(enrol, dtype=np.int32), np.array(test, dtype=np.int32), np.array(target, dtype=bool)
    )


def write_trials(path: str | Path, trials: Trials, *, style: Literal["voxceleb", "kaldi"] = "voxceleb") -> None:
    """Write a trial list, atomically."""
    from ..core.files import write_text

    names, lines = trials.names, []
    for e, t, same in zip(trials.enrol_P.tolist(), trials.test_P.tolist(), trials.target_P.tolist(), strict=True):
        pair = f"{names[e]} {names[t]}"
        lines.append(f"{same:d} {pair}\n" if style == "voxceleb" else f"{pair} {'target' if same else 'nontarget'}\n")
    write_text(path, "".join(lines))


def match_names(names: Sequence[str], ids: Sequence[str], paths: Sequence[str | Path], *, place: str) -> np.ndarray:
    """(U,) int64 numbers of the utterances, given by their ids and files, that the names of a list stand for.

    A name is an utterance's id, or the end of its file's path, with or without suffix; ``id1/video/clip.wav`` is also
    the utterance ``id1-video-clip``, and a name whose folders are not known is an utterance called like its file.

    Args:
        place: where the utterances are from, for messages.

    Raises:
        SonantError: names that are not there, or that are the end of several paths.
    """
    numbers = {name: row for row, name in enumerate(ids)}
    found = np.array([_by_id(name, numbers) for name in names], dtype=np.int64)
    absent = np.flatnonzero(found < 0)
    if len(absent):
        ends = _by_end(paths, {names[i].count("/") + 1 for i in absent})
        for i in absent:
            rows = ends.get(_bare(names[i]), [])
            require(len(rows) < 2, f"'{names[i]}' of the trials is the end of {len(rows)} paths in {place}")
            found[i] = rows[0] if rows else numbers.get(_bare(names[i].rpartition("/")[2]), -1)
    absent = np.flatnonzero(found < 0)
    require(
        not len(absent),
        f"{len(absent)} of {len(found)} recordings of the trials are not in {place}, such as "
        f"'{names[absent[0]] if len(absent) else ''}'; names are utterance ids, or ends of paths",
    )
    return found


def _rows(path: Path) -> Iterator[tuple[str, str, bool]]:
    """(enrolment, test, same speaker) line by line."""
    labels = place = None
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                fields = line.split()
                if not fields:
                    continue
                if labels is None:
                    place, labels = _format(fields, path, number, line)
                if len(fields) != 3 or fields[place] not in labels:
                    raise _no_trial(path, number, line, labels, place)
                yield fields[place + 1], fields[(place + 2) % 3], labels[fields[place]]
    except OSError as error:
        raise SonantError(f"cannot read the trial list '{path}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise SonantError(f"the trial list '{path}' is not text in UTF-8") from None


def _format(fields: list[str], path: Path, number: int, line: str) -> tuple[int, dict[str, bool]]:
    """Where the label stands (0: first, -1: last), and what it may be."""
    if len(fields) == 3 and fields[-1] in LAST:
        return -1, LAST
    if len(fields) == 3 and fields[0] in FIRST:
        return 0, FIRST
    raise SonantError(
        f"{path}, line {number}: '{_short(line)}' is no trial; known: '1 enrol test' with 1 or 0 first, "
        "'enrol test target' with target, nontarget, tgt or imp last"
    )


def _no_trial(path: Path, number: int, line: str, labels: dict[str, bool], place: int) -> SonantError:
    expected = (
        "'1 enrol test' or '0 enrol test'" if place == 0 else "'enrol test LABEL' with a label of " + ", ".join(labels)
    )
    return SonantError(f"{path}, line {number}: '{_short(line)}' is no trial like those before it: expected {expected}")


def _short(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _bare(name: str) -> str:
    """A name without the suffix of its file."""
    head, _, last = name.rpartition("/")
    stem = last.rpartition(".")[0] or last
    return f"{head}/{stem}" if head else stem


def _by_id(name: str, ids: dict[str, int]) -> int:
    for candidate in (name, _bare(name), _bare(name).replace("/", "-")):
        if candidate in ids:
            return ids[candidate]
    return -1


def _by_end(paths: Sequence[str | Path], depths: set[int]) -> dict[str, list[int]]:
    """The last parts of each utterance's path, without suffix -> its rows."""
    found: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        parts = _bare(Path(path).as_posix()).split("/")
        for depth in depths:
            found.setdefault("/".join(parts[-depth:]), []).append(row)
    return found
