"""ABX item files, and the frames between two times.

An item file has a header and a line a token: ``#file onset offset #phone prev-phone next-phone speaker``,
times in seconds. Frame i of a representation of rate f frames a second sits at (i + 0.5) / f.

Letters: N items.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import SonantError, require, unknown

COLUMNS = ("file", "onset", "offset", "phone", "prev-phone", "next-phone", "speaker")
CONTEXT_COLUMNS = ("prev-phone", "next-phone")
SLICINGS = ("librilight", "fastabx")
Slicing = Literal["librilight", "fastabx"]


@dataclass(frozen=True)
class Items:
    """Tokens to discriminate, column by column.

    Attributes:
        file: names of the features of each token.
        onset, offset: times in seconds, as the decimal numbers that were written.
        phone, previous, following, speaker: labels; ``previous`` and ``following`` are None in files without them.
        source: where they come from, for messages.
    """

    file: tuple[str, ...]
    onset: tuple[str, ...]
    offset: tuple[str, ...]
    phone: tuple[str, ...]
    speaker: tuple[str, ...]
    previous: tuple[str, ...] | None = None
    following: tuple[str, ...] | None = None
    source: str = "the items"

    def __len__(self) -> int:
        return len(self.file)

    @property
    def files(self) -> list[str]:
        """Names of the files in use, sorted."""
        return sorted(set(self.file))

    def describe(self, index: int) -> str:
        """One item in words."""
        return f"{self.file[index]} {self.onset[index]}-{self.offset[index]} s ({self.phone[index]})"


def read_items(path: str | Path) -> Items:
    """Read an item file.

    Raises:
        SonantError: no such file, a column missing, a line of the wrong length, a time that is no number, an
            offset that is not after its onset, no line at all.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SonantError(f"cannot read the item file {path}: {reason}") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    require(rows, f"the item file {path} is empty; it needs a header and one line a token: {' '.join(COLUMNS)}")
    header = _header(rows[0][1], path)
    rows = rows[0 if _is_token(rows[0][1]) else 1 :]
    require(rows, f"the item file {path} has a header and no tokens")
    for number, row in rows:
        require(len(row) == len(header), f"{path} line {number}: {len(row)} columns where {len(header)} are expected")
    columns = dict(zip(header, zip(*(row for _, row in rows), strict=True), strict=True))
    for (number, _), onset, offset in zip(rows, columns["onset"], columns["offset"], strict=True):
        _check_times(onset, offset, f"{path} line {number}")
    return Items(
        **{name: columns[name] for name in ("file", "onset", "offset", "phone", "speaker")},
        previous=columns.get("prev-phone"),
        following=columns.get("next-phone"),
        source=str(path),
    )


def _is_token(row: list[str]) -> bool:
    """Whether a first line is a token, in a file without a header."""
    return len(row) == len(COLUMNS) and not row[0].startswith("#") and _number(row[1]) is not None


def _header(row: list[str], path: Path) -> list[str]:
    if _is_token(row):
        return list(COLUMNS)
    header = [name.lstrip("#") for name in row]
    missing = [name for name in COLUMNS if name not in header and name not in CONTEXT_COLUMNS]
    require(
        not missing,
        f"the item file {path} has no column '{missing[0] if missing else ''}'; it has {', '.join(header)}; "
        f"the first line must name the columns: #file onset offset #phone prev-phone next-phone speaker",
    )
    return header


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _check_times(onset: str, offset: str, where: str) -> None:
    begin, end = _number(onset), _number(offset)
    if begin is None or end is None:
        raise SonantError(f"{where}: times must be seconds, got '{onset}' and '{offset}'")
    require(begin < end, f"{where}: the offset {offset} s is not after the onset {onset} s")


def exact_rate(rate: Any) -> Fraction:
    """Frames per second as an exact number, from an int, a Fraction, a decimal string or a float's shortest decimal."""
    try:
        exact = Fraction(str(rate))
    except (ValueError, ZeroDivisionError):
        raise SonantError(f"the frame rate must be a number of frames per second such as 100, got {rate!r}") from None
    require(exact > 0, f"the frame rate must be positive, got {rate}")
    return exact


def spans(items: Items, *, rate: Fraction, slicing: Slicing) -> np.ndarray:
    """(N, 2) first frame and end (exclusive) of every item, before clipping to the features.

    ``fastabx``: ceil(onset f - 1/2) to floor(offset f - 1/2) included, in exact arithmetic. ``librilight`` (the
    ZeroSpeech tools): the last of these frames excluded, in float64.
    """
    if slicing == "librilight":
        half = float(rate) * np.array([items.onset, items.offset], dtype=np.float64) - 0.5
        return np.stack([np.ceil(half[0]), np.floor(half[1])], axis=1).astype(np.int64)
    if slicing != "fastabx":
        raise unknown("slicing", slicing, SLICINGS)
    up, down = rate.numerator, rate.denominator
    onsets, offsets = (map(_ratio, times) for times in (items.onset, items.offset))
    begins = [-((q * down - 2 * p * up) // (2 * q * down)) for p, q in onsets]
    ends = [(2 * p * up - q * down) // (2 * q * down) + 1 for p, q in offsets]
    return np.array([begins, ends], dtype=np.int64).T


def _ratio(time: str) -> tuple[int, int]:
    """A decimal number as an exact fraction."""
    return Decimal(time).as_integer_ratio()
