"""Lists of words and of pairs, and the frames of a word.

Letters: P pairs, T frames, D dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import FrameGeometry, require
from ..core.files import read_lines
from ..data.keys import KEY, check_one_layer, parse_key
from ..data.words import UNKNOWN, Word, read_words


@dataclass(frozen=True)
class Pairs:
    """Pairs of word tokens: (P,) numbers of ``keys``, and what the two share."""

    keys: tuple[str, ...]
    first_P: np.ndarray
    second_P: np.ndarray
    same_P: np.ndarray
    other_P: np.ndarray  # different speakers


def read_labels(path: str | Path) -> list[Word]:
    """Read a list of words: with a header as ``data.words.read_words``, or without as lines ``key label speaker``.

    Raises:
        SonantError: as ``read_words``; a line of another form.
    """
    rows = _rows(path, "list of words")
    if {"label", "word"} & {name.lstrip("#") for name in rows[0][1]} or len(rows[0][1]) not in (2, 3):
        return read_words(path)
    words: dict[str, Word] = {}
    for number, row in rows:
        require(len(row) in (2, 3), f"{path} line {number}: a word is 'key label speaker', got {len(row)} columns")
        require(row[0] not in words, f"{path} line {number}: the key '{row[0]}' comes twice; keys name one token each")
        speaker = None if len(row) == 2 or row[2] in (UNKNOWN, "") else row[2]
        words[row[0]] = Word(row[0], row[1], speaker)
    return list(words.values())


def read_pairs(path: str | Path) -> Pairs:
    """Read a pair list: ``same_word same_speaker first second``, the first two 0 or 1; a line from # on is a comment.

    Raises:
        SonantError: no such file, a line of another form.
    """
    rows = [row for row in _rows(path, "pair list") if not row[1][0].startswith("#")]
    if rows and rows[0][1][0] == "same_word":
        rows = rows[1:]
    require(rows, f"the pair list {path} holds no pair")
    for number, row in rows:
        good = len(row) == 4 and set(row[:2]) <= {"0", "1"}
        require(
            good,
            f"{path} line {number}: a pair to score is 'same_word same_speaker first second', the first two 0 or 1 "
            "(the pairs.tsv of training is another list)",
        )
    same, speaker, first, second = zip(*(row for _, row in rows), strict=True)
    keys = tuple(dict.fromkeys([*first, *second]))
    index = {key: number for number, key in enumerate(keys)}
    first_P, second_P = (np.fromiter((index[key] for key in side), np.int64) for side in (first, second))
    return Pairs(keys, first_P, second_P, np.array(same) == "1", np.array(speaker) == "0")


def words_of_keys(keys: Iterable[str]) -> list[Word]:
    """Words whose arrays are named ``<label>_<utterance>_<start>-<end>`` (see ``data.keys``).

    The rule for speakers is that of Xitsonga where the utterance has hyphens, else that of Buckeye.
    """
    words, parsed_keys = [], []
    for key in keys:
        found = KEY.fullmatch(key)
        require(
            found and found["front"],
            f"the key '{key}' does not tell its word, as 'abandoned_s0602a_044207-044257' does; give a list of words "
            "(key, label, speaker)",
        )
        parsed = parse_key(key, "xitsonga" if re.search("-.*-", found["utterance"]) else "english")
        words.append(Word(key, parsed.label, parsed.speaker))
        parsed_keys.append(parsed)
    check_one_layer(parsed_keys)
    return words


def frames_between(geometry: FrameGeometry, onset: float, offset: float) -> slice:
    """The frames whose centres lie in [onset, offset), times in seconds."""
    return slice(_first_from(geometry, onset), _first_from(geometry, offset))


def cut_words(words: Sequence[Word], frames: Mapping[str, np.ndarray], geometry: FrameGeometry) -> list[np.ndarray]:
    """The (T, D) frames of each word, out of those of its recording; T is 0 where no centre of a frame lies in it.

    Args:
        frames: name of a recording -> its (T, D) frames; each is asked for once.
    """
    cut: list[np.ndarray] = [np.empty((0, 0))] * len(words)
    members: dict[str, list[int]] = {}
    for number, word in enumerate(words):
        members.setdefault(word.span[0], []).append(number)
    for file, numbers in members.items():
        x_TD = frames[file]
        for number in numbers:
            _, onset, offset = words[number].span
            cut[number] = x_TD[frames_between(geometry, onset, offset)].copy()
    return cut


def _first_from(geometry: FrameGeometry, seconds: float) -> int:
    """The first frame whose centre is not before a time. Comparing the times is exact: each was rounded once."""
    frame = geometry.frame_at(seconds)
    return frame + 1 if geometry.time_of(frame) < seconds else frame


def _rows(path: str | Path, kind: str) -> list[tuple[int, list[str]]]:
    """Numbered lines as columns: split at tabs where the line has any, else at spaces."""
    lines = read_lines(path, f"the {kind}")
    split = [(n, line.split("\t") if "\t" in line else line.split()) for n, line in enumerate(lines, 1) if line.strip()]
    require(split, f"the {kind} '{path}' is empty")
    return [(number, [cell.strip() for cell in row]) for number, row in split]
