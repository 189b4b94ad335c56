"""Praat TextGrid files: tiers of labelled intervals or points.

The long and the short text format hold the same sequence of values; everything else in them is for the eye.
Reading therefore picks the free-standing numbers, quoted texts and flags and forgets the rest, as Praat does
("TextGrid file formats" in Praat's manual).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..core import SonantError, require
from ..core.files import write_text

Segment = tuple[str, float, float]  # label, onset, offset in seconds

VALUE = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"'  # a quote inside a text is doubled
    r"|(?<!\S)(?P<flag><\w+>)"
    r"|(?<!\S)(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)"
    r"|(?<!\S)!.*"  # a comment ends with its line
)


def read_textgrid(path: str | Path) -> dict[str, list[Segment]]:
    """The tiers of a TextGrid by name, in the order of the file.

    Args:
        path: a text TextGrid, long or short, in UTF-8, UTF-16 with a byte order mark, or Latin-1.

    Returns:
        For each tier its (label, onset, offset) in seconds, unlabelled intervals ('') included.
        A point has onset = offset. A second tier of the same name is called ``name (2)``.

    Raises:
        SonantError: the file is missing, is no TextGrid, or ends early.
    """
    values = _values(_decode(path))
    require(
        (next(values, None), next(values, None)) == ("ooTextFile", "TextGrid"),
        f"{path} is no TextGrid in text format; save it in Praat with 'Save as text file'",
    )
    try:
        return _tiers(values)
    except (StopIteration, RuntimeError, TypeError):  # a list comprehension turns the first into the second
        raise SonantError(f"{path} ends early or is damaged: a value is missing or of the wrong kind") from None


def _decode(path: str | Path) -> str:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise SonantError(f"cannot read the TextGrid {path}: {error.strerror}") from None
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SonantError(f"{path} is damaged: its byte order mark says UTF-16 and its bytes do not follow it")


def _values(text: str) -> Iterator[str | float]:
    for match in VALUE.finditer(text):
        if match["text"] is not None:
            yield match["text"].replace('""', '"')
        elif match["number"] is not None:
            yield float(match["number"])
        elif match["flag"] is not None:
            yield match["flag"]


def _tiers(values: Iterator[str | float]) -> dict[str, list[Segment]]:
    _number(values), _number(values)  # begin and end of the whole
    if next(values) != "<exists>":
        return {}
    tiers: dict[str, list[Segment]] = {}
    for _ in range(int(_number(values))):
        kind, name = next(values), _text(values)
        _number(values), _number(values)
        size = int(_number(values))
        unique = name
        while unique in tiers:
            unique = f"{name} ({sum(known.split(' (')[0] == name for known in tiers) + 1})"
        tiers[unique] = [_segment(values, points=kind == "TextTier") for _ in range(size)]
    return tiers


def _segment(values: Iterator[str | float], *, points: bool) -> Segment:
    onset = _number(values)
    offset = onset if points else _number(values)
    return _text(values), onset, offset


def _number(values: Iterator[str | float]) -> float:
    value = next(values)
    if not isinstance(value, float):
        raise TypeError(f"a number is missing before {value!r}")
    return value


def _text(values: Iterator[str | float]) -> str:
    value = next(values)
    if not isinstance(value, str):
        raise TypeError(f"a text is missing before {value!r}")
    return value


def write_textgrid(path: str | Path, tiers: Mapping[str, Sequence[Segment]], duration: float) -> None:
    """Write interval tiers as a long TextGrid in UTF-8, atomically; arguments and errors as ``textgrid_text``."""
    try:
        text = textgrid_text(tiers, duration)
    except SonantError as error:
        raise SonantError(f"{path}: {error}") from None
    write_text(path, text)


def textgrid_text(tiers: Mapping[str, Sequence[Segment]], duration: float) -> str:
    """Interval tiers as the text of a long TextGrid.

    Args:
        tiers: by name, (label, onset, offset) in seconds, in order and without overlap; gaps are filled with ''.
        duration: length of the whole in seconds.

    Raises:
        SonantError: segments overlap, are empty or lie outside 0..duration.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(duration)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for t, (name, segments) in enumerate(tiers.items(), start=1):
        full = _filled(segments, duration, name)
        lines += [f"    item [{t}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {_seconds(duration)}", f"        intervals: size = {len(full)}"]
        for i, (label, onset, offset) in enumerate(full, start=1):
            lines += [f"        intervals [{i}]:", f"            xmin = {_seconds(onset)}"]
            lines += [f"            xmax = {_seconds(offset)}", f"            text = {_quoted(label)}"]
    return "\n".join(lines) + "\n"


def _filled(segments: Sequence[Segment], duration: float, tier: str) -> list[Segment]:
    """Segments with '' in the gaps, from 0 to ``duration``."""
    full, end = [], 0.0
    for label, onset, offset in segments:
        require(
            end <= onset < offset <= duration,
            f"tier '{tier}': '{label}' from {onset} to {offset} s is empty, overlaps its predecessor "
            f"(which ends at {end}) or lies outside 0..{duration}",
        )
        if onset > end:
            full.append(("", end, onset))
        full.append((label, onset, offset))
        end = offset
    if end < duration:
        full.append(("", end, duration))
    return full


def _seconds(value: float) -> str:
    return repr(float(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
